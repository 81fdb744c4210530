"""Which format a file is, by how it starts; never by its name or by what its server says."""

from __future__ import annotations

from collections.abc import Mapping

from tui.images.files.layout import Bytes
from tui.model import Reason, Refusal

STORED: Mapping[str, tuple[str, str]] = {
    "JPEG": ("image/jpeg", "jpg"),
    "PNG": ("image/png", "png"),
    "GIF": ("image/gif", "gif"),
    "WEBP": ("image/webp", "webp"),
    "AVIF": ("image/avif", "avif"),
}
"""MIME type and extension of the formats that are stored."""

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


def format_of(data: Bytes) -> str:
    """The name of the image format; raises Refusal: EMPTY_BODY, NOT_AN_IMAGE, UNSUPPORTED_FORMAT (naming it)."""
    name = _name(data[:1024])
    if name not in STORED:
        raise Refusal(Reason.UNSUPPORTED_FORMAT, name)
    return name


def _name(head: bytes) -> str:
    for name, signature in _SIGNATURES:
        if head.startswith(signature):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return "BMP"
    if head[4:8] == b"ftyp":
        return _iso_name(head)
    return _text_name(head.lstrip(b"\xef\xbb\xbf\t\r\n ").lower())


def _iso_name(head: bytes) -> str:
    box = head[8 : min(int.from_bytes(head[:4]), 256)]
    brands = {box[at : at + 4] for at in range(0, len(box), 4) if at != 4}
    if brands & _AVIF_BRANDS:
        return "AVIF"
    if brands & _HEIC_BRANDS:
        return "HEIC"
    raise Refusal(Reason.NOT_AN_IMAGE, "a video")


def _text_name(head: bytes) -> str:
    if head.startswith((b"<svg", b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in head:
        return "SVG"
    if not head:
        raise Refusal(Reason.EMPTY_BODY)
    if head.startswith(b"<"):
        raise Refusal(Reason.NOT_AN_IMAGE, "a page of HTML or XML")
    raise Refusal(Reason.NOT_AN_IMAGE, f"starts with {head[:8].hex(' ')}")
