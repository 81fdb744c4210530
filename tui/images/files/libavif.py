"""libavif, which Pillow brings, without what Pillow adds: a copy of the file, a thread per core, 4 bytes a pixel.

A picture stays in the planes in which its decoder leaves it, and is scaled before its colours are converted.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image

from tui.images.files.layout import Bytes, Layout, corrupt, truncated
from tui.images.files.native import address, integers, library

_LIBRARY = library(
    "_avif",
    (
        *("avifDecoderCreate", "avifDecoderSetIOMemory", "avifDecoderParse", "avifDecoderNextImage"),
        *("avifDecoderDestroy", "avifImageScale", "avifImageYUVToRGB", "avifRGBImageSetDefaults", "avifVersion"),
    ),
)
if _LIBRARY:  # a pointer is no int
    _LIBRARY.avifDecoderCreate.restype = ctypes.c_void_p
    _LIBRARY.avifVersion.restype = ctypes.c_char_p
    if not _LIBRARY.avifVersion().startswith(b"1."):  # the structures below are those of this major version
        _LIBRARY = None

_TRUNCATED = 20  # of avifResult
_LENIENT = 1 << 2
"""Of avifStrictFlag all but two, as in Pillow: older encoders leave out `pixi`, and nothing is cropped by `clap`."""
_IROT, _IMIR = 1 << 2, 1 << 3  # of avifTransformFlag

_TURNED = {(1, None): 8, (1, 0): 5, (1, 1): 7, (2, None): 3, (2, 0): 2, (2, 1): 4, (3, None): 6, (3, 0): 7, (3, 1): 5}
_TURNED |= {(0, 0): 4, (0, 1): 2}
"""EXIF's orientation by quarter turns against the clock and the axis mirrored then (23008-12, 6.5.10 and 6.5.12)."""


class _Image(ctypes.Structure):
    """The start of avifImage in avif/avif.h; since 1.0.0 new fields come behind all others."""

    _fields_ = (
        *integers("width", "height", "depth", "format", "range", "chroma_position"),
        ("planes", ctypes.c_void_p * 3),
        ("strides", ctypes.c_uint32 * 3),
        ("owns_planes", ctypes.c_int),
        ("alpha", ctypes.c_void_p),
        *integers("alpha_stride", "owns_alpha", "alpha_premultiplied"),
        ("icc", ctypes.c_void_p * 2),
        ("cicp", ctypes.c_uint16 * 3),
        ("light_level", ctypes.c_uint16 * 2),
        ("transforms", ctypes.c_uint32),
        ("pixel_aspect_ratio", ctypes.c_uint32 * 2),
        ("clean_aperture", ctypes.c_uint32 * 8),
        *((name, ctypes.c_uint8) for name in ("turns", "axis")),
    )


class _Decoder(ctypes.Structure):
    """The start of avifDecoder in avif/avif.h; since 1.0.0 new fields come behind all others."""

    _fields_ = (
        *integers("codec", "threads", "source", "progressive", "incremental", "ignores_exif", "ignores_xmp"),
        *integers("most_pixels", "longest_side", "most_frames", "strictness"),
        ("image", ctypes.POINTER(_Image)),
        *integers("number", "frames", "progress"),
        ("ticks", ctypes.c_uint64),
    )


class _Rgba(ctypes.Structure):
    """avifRGBImage of avif/avif.h, and room for what later versions add to its end and set."""

    _fields_ = (
        *integers("width", "height", "depth", "format", "upsampling", "downsampling", "avoids_libyuv"),
        *integers("ignores_alpha", "alpha_premultiplied", "is_float", "threads"),
        ("pixels", ctypes.c_void_p),
        ("stride", ctypes.c_uint32),
        ("rest", ctypes.c_uint64 * 16),
    )


def reachable() -> bool:
    """Whether this Pillow lets us call its libavif."""
    return _LIBRARY is not None


@dataclass(frozen=True, slots=True)
class Decoded:
    """Width and height in the file, how EXIF would tell that it is turned (0 if not), and the scaled image.

    No image where a side is over 16,384, as libavif does not scale that.
    """

    width: int
    height: int
    orientation: int
    image: Image.Image | None


def decode(data: Bytes, layout: Layout, scaled: Callable[[int, int], tuple[int, int]]) -> Decoded:
    """Decode the first frame to the size that `scaled` makes of its width and height.

    Raises Refusal, TRUNCATED or CORRUPT, that too where it has more pixels than its layout.
    """
    if _LIBRARY is None:
        raise RuntimeError("libavif is out of reach")
    with _decoder(_LIBRARY) as decoder:
        settings = _Decoder.from_address(decoder.value or 0)
        settings.strictness, settings.most_pixels = _LENIENT, layout.width * layout.height
        _check(_LIBRARY.avifDecoderSetIOMemory(decoder, ctypes.c_void_p(address(data)), ctypes.c_size_t(layout.end)))
        _check(_LIBRARY.avifDecoderParse(decoder))
        image = settings.image.contents
        width, height, planes = image.width, image.height, image.format
        _check(_LIBRARY.avifDecoderNextImage(decoder))
        if (image.width, image.height, image.format) != (width, height, planes) or not settings.ticks:
            raise corrupt("AVIF", "that holds another picture than it says")
        size = scaled(width, height)
        failed = _LIBRARY.avifImageScale(settings.image, *size, ctypes.create_string_buffer(256))
        colours = None if failed else _colours(_LIBRARY, settings.image, size)
        return Decoded(width, height, _orientation(image), colours)


@contextmanager
def _decoder(library: ctypes.CDLL) -> Iterator[ctypes.c_void_p]:
    decoder = ctypes.c_void_p(library.avifDecoderCreate())
    if not decoder:
        raise MemoryError
    try:
        yield decoder
    finally:
        library.avifDecoderDestroy(decoder)


def _check(result: int) -> None:
    if result == _TRUNCATED:
        raise truncated("AVIF")
    if result:
        raise corrupt("AVIF", "that does not decode")


def _colours(library: ctypes.CDLL, image: object, size: tuple[int, int]) -> Image.Image:
    pixels, rgba = bytearray(4 * size[0] * size[1]), _Rgba()
    library.avifRGBImageSetDefaults(ctypes.byref(rgba), image)
    rgba.depth, rgba.pixels, rgba.stride = 8, address(pixels), 4 * size[0]
    _check(library.avifImageYUVToRGB(image, ctypes.byref(rgba)))
    return Image.frombuffer("RGBA", size, pixels, "raw", "RGBA", 0, 1)


def _orientation(image: _Image) -> int:
    turns = image.turns if image.transforms & _IROT else 0
    return _TURNED.get((turns, image.axis if image.transforms & _IMIR else None), 0)
