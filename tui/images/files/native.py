"""The C libraries inside of Pillow, where bytes lie for them, and how to let go of those that they have read."""

from __future__ import annotations

import ctypes
import importlib
import mmap
from collections.abc import Sequence

from tui.images.files.layout import Bytes


def library(module: str, functions: Sequence[str]) -> ctypes.CDLL | None:
    """What `PIL.module` is linked to; None where one of these functions cannot be reached through it."""
    try:
        found = ctypes.CDLL(importlib.import_module(f"PIL.{module}").__file__)
        for function in functions:
            getattr(found, function)
    except (ImportError, OSError, AttributeError):
        return None
    return found


def integers(*names: str) -> tuple[tuple[str, type[ctypes.c_int]], ...]:
    """The fields of a structure that are an int each."""
    return tuple((name, ctypes.c_int) for name in names)


def address(data: Bytes | bytearray) -> int:
    """Where bytes lie, as long as they are held and, if mapped, stay so; no export keeps a map from being closed."""
    if isinstance(data, bytes):
        return ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0
    return ctypes.addressof(ctypes.c_char.from_buffer(data))


def forget(data: Bytes) -> None:
    """Give back the memory that the pages of a mapped file take, each until it is read again."""
    if isinstance(data, mmap.mmap):
        data.madvise(mmap.MADV_DONTNEED)
