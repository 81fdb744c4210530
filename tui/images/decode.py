"""Pixels of an image file, as few as prove it whole, and what they look like at a glance."""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

import PIL.AvifImagePlugin
import PIL.WebPImagePlugin  # noqa: F401 - Pillow knows these two only once they are imported
from PIL import ExifTags, Image

from tui.images.layout import Bytes, Layout, corrupt
from tui.model import Preview, Reason, Refusal

PREVIEW = (32, 24)
"""The most pixels that a preview is wide and high."""

SMALL = 512 * 512
"""Pixels below which a JPEG is decoded so far that its looks can be told."""

MOST_MEMORY = 64 * 1024 * 1024
"""Bytes of pixels for which a file is decoded at most; a larger one is judged by its structure alone."""

MOST_PACKED = 256
"""Pixels in a byte of what is too large to be decoded: poor photos have some 50. A PNG is believed by its checksums."""

MUCH_MEMORY = 16 * 1024 * 1024
"""Bytes of pixels above which files are decoded one at a time."""

# Pillow remarks on odd metadata. It is somebody else's photo, and the remark would be printed over the screen.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
# The size is checked before anything is decoded; Pillow's own limit would only warn, up to twice that.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

_alone = threading.Lock()

_SPARE = 4
"""Bytes that may be left over at the end of a scan."""

_AHEAD = bytes(8)
"""A decoder looks at up to 8 bytes more than it needs."""

_PADDING = 512
"""Bytes of zeros or ones that some cameras leave at the end of a scan."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What decoded pixels are: width and height in the file, a 64-bit difference hash in hex, a preview.

    `orientation` is that of an AVIF, which has it beside its EXIF; 0 where it is not told.
    """

    width: int
    height: int
    perceptual_hash: str
    preview: Preview
    orientation: int = 0


def decode(name: str, data: Bytes, layout: Layout) -> Glance | None:
    """Decode the first frame of a whole file; None where it and its pixels would take more than `MOST_MEMORY`.

    A JPEG is decoded at an eighth of its width and height, which reads every entropy-coded byte at a fraction of the
    price of its pixels. Raises Refusal: TRUNCATED, CORRUPT, or TOO_MANY_PIXELS where so large a picture is in so few
    bytes that it is no photo.
    """
    if layout.memory + len(data) > MOST_MEMORY:
        if name != "PNG" and layout.end * MOST_PACKED < layout.width * layout.height:
            raise Refusal(Reason.TOO_MANY_PIXELS, f"{layout.width:,}x{layout.height:,} in {layout.end:,} bytes")
        return None
    try:
        with _room(layout.memory):
            return _decoded(name, data, layout)
    except Refusal:
        raise
    except Exception as error:
        # Whatever a decoder raises on hostile bytes, it is the bytes that are at fault.
        reason = Reason.TRUNCATED if "truncated" in str(error).lower() else Reason.CORRUPT
        raise Refusal(reason, f"{name}: {type(error).__name__}") from error


@contextmanager
def _room(memory: int) -> Iterator[None]:
    if memory <= MUCH_MEMORY:
        yield
        return
    with _alone:
        yield


def _decoded(name: str, data: Bytes, layout: Layout) -> Glance:
    file = _File(data, layout)
    with Image.open(cast("BinaryIO", file), formats=(name,)) as image:
        width, height = image.size
        if width * height > layout.width * layout.height:
            raise corrupt(name, "with two sizes")
        if name == "JPEG":
            least = (72, 64) if width * height < SMALL else (1, 1)
            image.draft("RGB", (max(least[0], width // 8), max(least[1], height // 8)))
            file.stop_at_scan_end()
        image.load()
        if file.left_over:
            raise corrupt(name, "with too much in its scan")
        small = _small(image)
        turned = int(image.getexif().get(ExifTags.Base.Orientation, 0)) if name == "AVIF" else 0
        return Glance(width, height, _difference_hash(small), _preview(small), turned)


class _File(io.RawIOBase):
    """An image file as its decoder sees it, without the remarks in a JPEG.

    libjpeg takes a scan that is too short or too long for its picture, and only warns, which Pillow does not pass on.
    So the decoder gets the scan in two pieces: all but its last bytes, which must not suffice, and those with some
    padding in place of the end marker, which must. Damage in the middle nearly always makes it the one or the other.
    """

    def __init__(self, data: Bytes, layout: Layout) -> None:
        self._data = data
        self._head = layout.head
        self._shift = layout.body - len(layout.head)
        self._scan_end = layout.scan_end
        self._end = layout.end - self._shift
        self._at = 0
        self._last = b""
        self.left_over = False

    def stop_at_scan_end(self) -> None:
        """Hand the only scan of a sequential JPEG out in two pieces from now on."""
        if not self._scan_end:
            return
        tail = self._data[max(0, self._scan_end - _PADDING) : self._scan_end]
        padding = len(tail) - len(tail.rstrip(tail[-1:])) if tail[-1:] in (b"\0", b"\xff") else 0
        spare = _SPARE + (padding if padding < len(tail) else 0)
        start = max(self._scan_end - spare, self._shift + len(self._head))
        self._last = self._data[start : self._scan_end] + _AHEAD
        self._end, self.left_over = start - self._shift, True

    def read(self, size: int = -1) -> bytes:
        """Up to so many bytes."""
        if self._at >= self._end and self._last:
            piece, self._last, self.left_over = self._last, b"", False
            return piece
        stop = self._end if size < 0 else min(self._at + size, self._end)
        if self._at < len(self._head):
            piece = self._head[self._at : stop]
        else:
            piece = self._data[self._at + self._shift : stop + self._shift]
        self._at += len(piece)
        return piece

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to an offset."""
        self._at = offset + (0, self._at, self._end)[whence]
        return self._at

    def tell(self) -> int:
        """The offset that is read next."""
        return self._at

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def seekable(self) -> bool:
        """Whether it has offsets."""
        return True


def _small(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits for each pixel
        image = image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    elif image.mode not in ("L", "RGB"):
        image = image.convert("RGB")
    return image.reduce(max(1, min(image.width // 72, image.height // 64))).convert("RGB")


def _difference_hash(image: Image.Image) -> str:
    """A bit for each of 8x8 places that is darker than the one right of it: stable when scaled or compressed again."""
    grey = image.convert("L").resize((9, 8), Image.Resampling.BOX).tobytes()
    bits = 0
    for row in range(0, 72, 9):
        for at in range(row, row + 8):
            bits = bits << 1 | (grey[at] < grey[at + 1])
    return f"{bits:016x}"


def _preview(image: Image.Image) -> Preview:
    scale = min(PREVIEW[0] / image.width, PREVIEW[1] / image.height, 1.0)
    width, height = max(1, int(image.width * scale)), max(1, int(image.height * scale))
    return Preview(width, height, image.resize((width, height), Image.Resampling.BOX).tobytes())
