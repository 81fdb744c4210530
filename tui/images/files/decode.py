"""Pixels of an image file, as few as prove it whole, and what they look like at a glance."""

from __future__ import annotations

import io
import mmap
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, cast

import PIL.AvifImagePlugin
import PIL.WebPImagePlugin  # noqa: F401 - Pillow knows these two only once they are imported
from PIL import ExifTags, Image
from PIL.JpegImagePlugin import JpegImageFile

from tui.images.files import dav1d, entropy, libavif, libwebp, png
from tui.images.files.layout import Bytes, Layout, corrupt, truncated
from tui.model import Preview, Reason, Refusal

PREVIEW = (32, 24)
"""The most pixels that a preview is wide and high."""

SMALL = 512 * 512
"""Pixels below which a JPEG is decoded so far that its looks can be told."""

MOST_MEMORY = 64 * 1024 * 1024
"""Bytes of pixels for which a file is decoded at most; a larger one is judged by its structure or checksums."""

MOST_PACKED = 256
"""Pixels in a byte of what is too large to be decoded: poor photos have some 50; a PNG has checksums."""

_PIECE = 64 * 1024

_PILLOW = {"WEBP": 12, "AVIF": 8}
"""Bytes that Pillow takes for a pixel of what is decoded without it where its libraries can be reached."""

_REACHABLE = {"WEBP": libwebp.reachable, "AVIF": libavif.reachable}

MUCH_MEMORY = 16 * 1024 * 1024
"""Bytes of pixels and file above which files are decoded one at a time."""

# Pillow remarks on odd metadata. It is somebody else's photo, and the remark would be printed over the screen.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
# The size is checked before anything is decoded; Pillow's own limit would only warn, up to twice that.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

_alone = threading.Lock()


@dataclass(frozen=True, slots=True)
class Glance:
    """What decoded pixels are: width and height in the file, a 64-bit difference hash in hex, a preview.

    `orientation` is that of an AVIF, which has it beside its EXIF; 0 where it is not told.
    """

    width: int
    height: int
    perceptual_hash: str
    preview: Preview | None
    orientation: int = 0


def decode(name: str, data: Bytes, layout: Layout) -> Glance | None:
    """Decode the first frame of a whole file; None where it and its pixels would take more than `MOST_MEMORY`.

    A JPEG is decoded at an eighth of its width and height, which reads every entropy-coded byte at a fraction of the
    price of its pixels. Raises Refusal: TRUNCATED, CORRUPT, or TOO_MANY_PIXELS where so large a picture is in so few
    bytes that it is no photo.
    """
    memory = _memory(name, data, layout)
    if memory > MOST_MEMORY:
        if name == "PNG":
            _unpack(data, layout)
        elif layout.end * MOST_PACKED < layout.width * layout.height:
            raise Refusal(Reason.TOO_MANY_PIXELS, f"{layout.width:,}x{layout.height:,} in {layout.end:,} bytes")
        return None
    try:
        with _room(memory):
            return _decoded(name, data, layout)
    except Refusal:
        raise
    except Exception as error:
        # Whatever a decoder raises on hostile bytes, it is the bytes that are at fault.
        reason = Reason.TRUNCATED if "truncated" in str(error).lower() else Reason.CORRUPT
        raise Refusal(reason, f"{name}: {type(error).__name__}") from error


def _memory(name: str, data: Bytes, layout: Layout) -> int:
    """Bytes that pixels and file take at most; of a WebP no more than a piece is in memory at a time."""
    if name in _REACHABLE and not _REACHABLE[name]():
        return _PILLOW[name] * layout.width * layout.height + len(data)
    return layout.memory + (min(len(data), libwebp.PIECE) if name == "WEBP" else len(data))


def _unpack(data: Bytes, layout: Layout) -> None:
    """Unpack the pixels of a PNG and forget them: behind the last one is a checksum of all (RFC 1950)."""
    pixels, room = zlib.decompressobj(), png.unpacked(data[16:29])
    try:
        for start, end in layout.segments:
            for at in range(start, end, _PIECE):
                packed = data[at : min(at + _PIECE, end)]
                while packed and room >= 0 and not pixels.eof:
                    room -= len(pixels.decompress(packed, _PIECE))
                    packed = pixels.unconsumed_tail
    except zlib.error as error:
        raise corrupt("PNG", "with pixels that cannot be unpacked") from error
    if room < 0:
        raise corrupt("PNG", "with more than its pixels")
    if room or not pixels.eof:
        raise truncated("PNG")


@contextmanager
def _room(memory: int) -> Iterator[None]:
    if memory <= MUCH_MEMORY:
        yield
        return
    with _alone:
        yield


def _decoded(name: str, data: Bytes, layout: Layout) -> Glance:
    if name in _REACHABLE and _REACHABLE[name]():
        return _webp(data, layout) if name == "WEBP" else _avif(data, layout)
    return _by_pillow(name, data, layout)


def _webp(data: Bytes, layout: Layout) -> Glance:
    return _glance(layout.width, layout.height, libwebp.decode(data, layout.end, _eighth))


def _avif(data: Bytes, layout: Layout) -> Glance:
    picture = libavif.decode(data, layout, _eighth)
    dav1d.prove(data, layout.segments, layout.width * layout.height)
    if picture.image is not None:
        return _glance(picture.width, picture.height, picture.image, picture.orientation)
    if _PILLOW["AVIF"] * layout.width * layout.height > MOST_MEMORY:
        return Glance(picture.width, picture.height, "", None, picture.orientation)
    return _by_pillow("AVIF", data, layout)


def _by_pillow(name: str, data: Bytes, layout: Layout) -> Glance:
    with Image.open(_file(data, layout), formats=(name,)) as image:
        width, height = image.size
        if width * height > layout.width * layout.height:
            raise corrupt(name, "with two sizes")
        if isinstance(image, JpegImageFile):
            _load_jpeg(image, data, layout)
        image.load()
        turned = int(image.getexif().get(ExifTags.Base.Orientation, 0)) if name == "AVIF" else 0
        return _glance(width, height, image, turned)


def _eighth(width: int, height: int) -> tuple[int, int]:
    """The size at which a picture is looked at: an eighth, or less of a reduction where that would be too small."""
    factor = min(8, _reduction(width, height))
    return -(-width // factor), -(-height // factor)


def _glance(width: int, height: int, image: Image.Image, orientation: int = 0) -> Glance:
    small = _small(image)
    return Glance(width, height, _difference_hash(small), _preview(small), orientation)


def _file(data: Bytes, layout: Layout) -> IO[bytes]:
    """The image as a file, of a JPEG its head alone; what is mapped is copied only where something follows it."""
    if layout.head:
        return io.BytesIO(layout.head)
    if isinstance(data, mmap.mmap) and len(data) == layout.end:
        data.seek(0)
        return cast("IO[bytes]", data)
    return io.BytesIO(data[: layout.end])


def _load_jpeg(image: JpegImageFile, data: Bytes, layout: Layout) -> None:
    """Decode it at an eighth of its size, or what is left of that; `load` finds nothing to do then."""
    width, height = image.size
    least = (72, 64) if width * height < SMALL else (1, 1)
    image.draft("RGB", (max(least[0], width // 8), max(least[1], height // 8)))
    image.load_prepare()
    ((decoder_name, extents, _, arguments),) = image.tile
    decoder = Image._getdecoder(image.mode, decoder_name, arguments, image.decoderconfig)
    try:
        decoder.setimage(image.im, extents)
        entropy.decode(decoder, data, layout)
    finally:
        decoder.cleanup()
    image.tile = []


def _small(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits for each pixel
        image = image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    elif image.mode not in ("L", "RGB"):
        image = image.convert("RGB")
    return image.reduce(_reduction(image.width, image.height)).convert("RGB")


def _reduction(width: int, height: int) -> int:
    """What a picture can be divided by to be looked at: it keeps eight pixels for each place of the hash."""
    return max(1, min(width // 72, height // 64))


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
