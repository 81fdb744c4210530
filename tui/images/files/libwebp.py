"""libwebp, which Pillow brings, told to scale a picture while it reads it: its pixels are never all in memory.

Pillow takes 12 bytes for each pixel of any WebP. A lossy one needs none here but for the rows at work, a lossless one
4. The file is read in pieces, so that a mapped one does not stay in memory either.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PIL import Image

from tui.images.files.layout import Bytes, corrupt
from tui.images.files.native import address, forget, integers, library

_LIBRARY = library(
    "_webp",
    (
        *("WebPDemuxInternal", "WebPDemuxGetFrame", "WebPDemuxReleaseIterator", "WebPDemuxDelete"),
        *("WebPInitDecoderConfigInternal", "WebPIDecode", "WebPIUpdate", "WebPIDelete"),
    ),
)
_DECODER_ABI, _DEMUX_ABI = 0x0209, 0x0107
"""The versions of the structures below; libwebp refuses those of another major one (the upper byte)."""

_DONE, _MORE = 0, 5  # of VP8StatusCode
PIECE = 1024 * 1024
"""Bytes of a file that are read at a time."""

MOST_SPARE = 16
"""Bytes that a frame may have left over: libwebp writes 4 at most, and a decoder that lost its place leaves many."""

if _LIBRARY:  # a pointer is no int
    _LIBRARY.WebPDemuxInternal.restype = _LIBRARY.WebPIDecode.restype = ctypes.c_void_p


class _Data(ctypes.Structure):
    """WebPData of webp/mux_types.h."""

    _fields_ = (("bytes", ctypes.c_void_p), ("size", ctypes.c_size_t))


class _Frame(ctypes.Structure):
    """WebPIterator of webp/demux.h."""

    _fields_ = (
        *integers("number", "frames", "x", "y", "width", "height", "duration", "dispose", "complete"),
        ("fragment", _Data),
        *integers("has_alpha", "blend"),
        ("pad", ctypes.c_uint32 * 2),
        ("private", ctypes.c_void_p),
    )


class _Rgb(ctypes.Structure):
    """WebPRGBABuffer of webp/decode.h."""

    _fields_ = (("pixels", ctypes.c_void_p), ("stride", ctypes.c_int), ("size", ctypes.c_size_t))


class _Planes(ctypes.Structure):
    """WebPYUVABuffer of webp/decode.h."""

    _fields_ = (("planes", ctypes.c_void_p * 4), ("strides", ctypes.c_int * 4), ("sizes", ctypes.c_size_t * 4))


class _Buffer(ctypes.Union):
    """The union in WebPDecBuffer."""

    _fields_ = (("rgb", _Rgb), ("planes", _Planes))


class _Config(ctypes.Structure):
    """WebPDecoderConfig of webp/decode.h: WebPBitstreamFeatures, WebPDecBuffer and WebPDecoderOptions."""

    _fields_ = (
        *integers("width", "height", "has_alpha", "has_animation", "format"),
        ("pad_of_features", ctypes.c_uint32 * 5),
        *integers("colours", "output_width", "output_height", "is_external_memory"),
        ("output", _Buffer),
        ("pad_of_output", ctypes.c_uint32 * 4),
        ("private", ctypes.c_void_p),
        *integers("bypass_filtering", "no_fancy_upsampling", "use_cropping"),
        *integers("crop_left", "crop_top", "crop_width", "crop_height"),
        *integers("use_scaling", "scaled_width", "scaled_height"),
        *integers("use_threads", "dithering_strength", "flip", "alpha_dithering_strength"),
        ("pad_of_options", ctypes.c_uint32 * 5),
    )


def reachable() -> bool:
    """Whether this Pillow lets us call its libwebp."""
    return _LIBRARY is not None


def decode(data: Bytes, end: int, scaled: Callable[[int, int], tuple[int, int]]) -> Image.Image:
    """Decode the first frame of the WebP that ends there, to the size that `scaled` makes of its width and height.

    Raises Refusal, CORRUPT.
    """
    if _LIBRARY is None:
        raise RuntimeError("libwebp is out of reach")
    with _first_frame(_LIBRARY, data, end) as frame:
        config = _Config()
        size = scaled(frame.width, frame.height)
        pixels = bytearray(3 * size[0] * size[1])
        if not _LIBRARY.WebPInitDecoderConfigInternal(ctypes.byref(config), _DECODER_ABI):
            raise RuntimeError("libwebp has other structures")
        config.use_scaling, (config.scaled_width, config.scaled_height) = size != (frame.width, frame.height), size
        config.is_external_memory = 1
        config.output.rgb = _Rgb(address(pixels), 3 * size[0], len(pixels))
        if not _decoded(_LIBRARY, config, frame.fragment, data):
            raise corrupt("WEBP", "that does not decode")
        return Image.frombuffer("RGB", size, pixels, "raw", "RGB", 0, 1)


@contextmanager
def _first_frame(library: ctypes.CDLL, data: Bytes, end: int) -> Iterator[_Frame]:
    """The first frame by libwebp's own look at the chunks, which holds more against a file than ours."""
    whole, frame = _Data(address(data), end), _Frame()
    demuxer = ctypes.c_void_p(library.WebPDemuxInternal(ctypes.byref(whole), 0, None, _DEMUX_ABI))
    try:
        if not demuxer or not library.WebPDemuxGetFrame(demuxer, 1, ctypes.byref(frame)):
            raise corrupt("WEBP", "without a frame")
        yield frame
    finally:
        library.WebPDemuxReleaseIterator(ctypes.byref(frame))
        library.WebPDemuxDelete(demuxer)


def _decoded(library: ctypes.CDLL, config: _Config, fragment: _Data, data: Bytes) -> bool:
    """Whether a frame took all of its bytes and no more; those of a mapped file are let go of once they are read."""
    decoder = ctypes.c_void_p(library.WebPIDecode(None, ctypes.c_size_t(0), ctypes.byref(config)))
    nearly = max(0, fragment.size - MOST_SPARE)
    status = _MORE
    for size in (*range(PIECE, nearly, PIECE), nearly, fragment.size):
        if status == _MORE:
            status = library.WebPIUpdate(decoder, ctypes.c_void_p(fragment.bytes), ctypes.c_size_t(size))
            early = status == _DONE and size < fragment.size
            forget(data)
    library.WebPIDelete(decoder)
    return status == _DONE and not early
