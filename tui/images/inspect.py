"""What the bytes themselves say: format and dimensions of a whole image, or why it is none."""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass
from typing import BinaryIO

import PIL.AvifImagePlugin
import PIL.WebPImagePlugin  # noqa: F401 - Pillow knows these two only once they are imported
from PIL import Image

from tui.images.structure import damaged_png, is_whole
from tui.model import Reason, Refusal

MAX_PIXELS = 64_000_000
"""Width times height; a decoded image takes up to 4 bytes for each."""

# Pillow remarks on odd metadata. It is somebody else's photo, and the remark would be printed over the screen.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
# Above its own limit Pillow only warns, up to twice that.
warnings.simplefilter("error", Image.DecompressionBombWarning)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a whole image is: width and height in pixels, the sha256 of its bytes in hex."""

    mime_type: str
    extension: str
    width: int
    height: int
    sha256: str


_STORED = {
    "JPEG": ("image/jpeg", "jpg"),
    "PNG": ("image/png", "png"),
    "GIF": ("image/gif", "gif"),
    "WEBP": ("image/webp", "webp"),
    "AVIF": ("image/avif", "avif"),
}
_SIGNATURES = (
    ("JPEG", b"\xff\xd8\xff"),
    ("PNG", b"\x89PNG\r\n\x1a\n"),
    ("GIF", b"GIF87a"),
    ("GIF", b"GIF89a"),
    ("TIFF", b"II*\0"),
    ("TIFF", b"MM\0*"),
    ("ICO", b"\0\0\1\0"),
    ("JPEG XL", b"\xff\x0a"),
    ("JPEG XL", b"\0\0\0\x0cJXL "),
    ("JPEG 2000", b"\0\0\0\x0cjP  "),
)
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})


def inspect(content: BinaryIO, max_pixels: int = MAX_PIXELS) -> Facts:
    """Prove that `content` is one whole image, decode it, and leave it at position 0; meant for a thread.

    An animation is judged by its first frame, and whole in its structure. Raises Refusal: EMPTY_BODY, NOT_AN_IMAGE,
    UNSUPPORTED_FORMAT, TRUNCATED, CORRUPT or TOO_MANY_PIXELS.
    """
    content.seek(0)
    data = content.read()
    content.seek(0)
    name = _format(data)
    if name not in _STORED:
        raise Refusal(Reason.UNSUPPORTED_FORMAT, name)
    if not is_whole(name, data):
        raise Refusal(Reason.TRUNCATED, f"{name} without its end")
    if name == "PNG" and damaged_png(data):
        raise Refusal(Reason.CORRUPT, "PNG with a wrong checksum")
    width, height = _decode(name, data, max_pixels)
    mime_type, extension = _STORED[name]
    return Facts(mime_type, extension, width, height, hashlib.sha256(data).hexdigest())


def _format(data: bytes) -> str:
    for name, signature in _SIGNATURES:
        if data.startswith(signature):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[:2] == b"BM" and data[6:10] == bytes(4):
        return "BMP"
    if data[4:8] == b"ftyp":
        return _iso_format(data)
    return _text_format(data[:1024].lstrip(b"\xef\xbb\xbf\t\r\n ").lower())


def _iso_format(data: bytes) -> str:
    header = data[8 : min(int.from_bytes(data[:4]), 256)]
    brands = {header[at : at + 4] for at in range(0, len(header), 4) if at != 4}
    if brands & _AVIF_BRANDS:
        return "AVIF"
    if brands & _HEIC_BRANDS:
        return "HEIC"
    raise Refusal(Reason.NOT_AN_IMAGE, "a video")


def _text_format(head: bytes) -> str:
    if head.startswith((b"<svg", b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in head:
        return "SVG"
    if not head:
        raise Refusal(Reason.EMPTY_BODY)
    if head.startswith(b"<"):
        raise Refusal(Reason.NOT_AN_IMAGE, "a page of HTML or XML")
    raise Refusal(Reason.NOT_AN_IMAGE, f"starts with {head[:8].hex(' ')}")


def _decode(name: str, data: bytes, max_pixels: int) -> tuple[int, int]:
    try:
        with Image.open(io.BytesIO(data), formats=(name,)) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise Refusal(Reason.TOO_MANY_PIXELS, f"{width:,}x{height:,}")
            if name == "JPEG":
                # Every entropy-coded byte is still read, at a fraction of the price of the pixels.
                image.draft("L", (max(1, width // 8), max(1, height // 8)))
            image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Refusal(Reason.TOO_MANY_PIXELS, name) from error
    except Refusal:
        raise
    except Exception as error:
        # Whatever a decoder raises on hostile bytes, it is the bytes that are at fault.
        reason = Reason.TRUNCATED if "truncated" in str(error) else Reason.CORRUPT
        raise Refusal(reason, f"{name}: {type(error).__name__}") from error
    return width, height
