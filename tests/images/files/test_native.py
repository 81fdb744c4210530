from __future__ import annotations

import ctypes
import mmap
from pathlib import Path

import pytest

from tui.images.files.native import address, forget, library


@pytest.mark.parametrize(("module", "function"), [("_webp", "WebPNoSuch"), ("_nosuch", "WebPIDecode")])
def test_what_cannot_be_reached_is_none(module: str, function: str) -> None:
    assert library(module, (function,)) is None


def test_bytes_lie_where_they_are_told_to(tmp_path: Path) -> None:
    assert ctypes.string_at(address(b"abcdef"), 6) == b"abcdef"
    assert ctypes.string_at(address(bytearray(b"abcdef")), 6) == b"abcdef"
    (tmp_path / "file").write_bytes(b"abcdef" * 9999)
    with (tmp_path / "file").open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as mapped:
        for _ in range(2):
            assert ctypes.string_at(address(mapped) + 6, 6) == b"abcdef"
            forget(mapped)
