"""dav1d, which Pillow's libavif brings, held to the rule that every tile of a picture uses up its bytes (AV1, 8.2.4).

libavif lets it be lenient: of photos with 4 KiB of noise in the middle it refuses one in six, and the strict one all.
Strictness is that of libaom, AV1's reference decoder, which refuses what this refuses.
"""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tui.images.files.layout import Bytes, corrupt
from tui.images.files.native import address, integers, library

_LIBRARY = library(
    "_avif",
    (
        *("dav1d_version_api", "dav1d_default_settings", "dav1d_open", "dav1d_close", "dav1d_data_wrap"),
        *("dav1d_data_unref", "dav1d_send_data", "dav1d_get_picture", "dav1d_picture_unref"),
    ),
)
if _LIBRARY and _LIBRARY.dav1d_version_api() >> 16 != 7:  # the structures below are those of this major version
    _LIBRARY = None

MOST_PICTURES = 4
"""Times the pixels of a file that are decoded: it may have a transparency, a gain map and thumbnails too."""

LEAST_PIXELS = 1024
"""Pixels that a picture counts for at least: millions of one pixel each fit into a file."""


class _Settings(ctypes.Structure):
    """Dav1dSettings of dav1d/dav1d.h."""

    _fields_ = (
        *integers("threads", "frame_delay", "apply_grain", "operating_point", "all_layers", "most_pixels"),
        ("allocator", ctypes.c_void_p * 3),
        ("logger_cookie", ctypes.c_void_p),
        ("logger", ctypes.c_void_p),
        *integers("strict", "invisible_frames", "filters", "frame_types"),
        ("reserved", ctypes.c_uint8 * 16),
    )


class _Data(ctypes.Structure):
    """Dav1dData of dav1d/data.h."""

    _fields_ = (("data", ctypes.c_void_p), ("size", ctypes.c_size_t), ("rest", ctypes.c_uint64 * 7))


class _Picture(ctypes.Structure):
    """The start of Dav1dPicture of dav1d/picture.h, and room for what follows."""

    _fields_ = (("planes", ctypes.c_uint64 * 7), *integers("width", "height"), ("rest", ctypes.c_uint64 * 64))


_keep = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(lambda _data, _cookie: None)
"""What dav1d is to do with bytes that it has read."""


def prove(data: Bytes, pictures: Iterable[tuple[int, int]], pixels: int) -> None:
    """Decode the pictures that lie there, none of more than `pixels`; raises Refusal, CORRUPT.

    Grain and filters are left out, as they read nothing. Where this Pillow hides its dav1d, nothing is proved.
    """
    if _LIBRARY is None:
        return
    left = MOST_PICTURES * max(pixels, LEAST_PIXELS)
    for start, end in pictures:
        if left > 0:
            with _decoder(_LIBRARY, pixels) as decoder:
                left -= _decode(_LIBRARY, decoder, address(data) + start, end - start, left)


@contextmanager
def _decoder(library: ctypes.CDLL, pixels: int) -> Iterator[ctypes.c_void_p]:
    settings, decoder = _Settings(), ctypes.c_void_p()
    library.dav1d_default_settings(ctypes.byref(settings))
    settings.threads = settings.frame_delay = settings.strict = 1
    settings.apply_grain = settings.all_layers = settings.filters = 0
    settings.most_pixels, settings.logger = pixels, None
    if library.dav1d_open(ctypes.byref(decoder), ctypes.byref(settings)):
        raise MemoryError
    try:
        yield decoder
    finally:
        library.dav1d_close(ctypes.byref(decoder))


def _decode(library: ctypes.CDLL, decoder: ctypes.c_void_p, at: int, size: int, most: int) -> int:
    """Decode all frames that lie there, or as many as count for so many pixels; for how many they count."""
    unit, picture, pixels = _Data(), _Picture(), 0
    if library.dav1d_data_wrap(ctypes.byref(unit), ctypes.c_void_p(at), ctypes.c_size_t(size), _keep, None):
        raise MemoryError
    try:
        while pixels < most:
            sent = library.dav1d_send_data(decoder, ctypes.byref(unit)) if unit.size else 0
            got = library.dav1d_get_picture(decoder, ctypes.byref(picture))
            if not {sent, got} <= {0, -errno.EAGAIN}:
                raise corrupt("AVIF", "that does not decode")
            if got and not unit.size:
                break
            if not got:
                pixels += max(picture.width * picture.height, LEAST_PIXELS)
                library.dav1d_picture_unref(ctypes.byref(picture))
        return pixels
    finally:
        if unit.size:
            library.dav1d_data_unref(ctypes.byref(unit))
