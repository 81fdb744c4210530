"""Objects in their folder."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tui.stores.local import LocalStore


async def test_an_object_lies_in_the_folder_and_nothing_beside_it(store: LocalStore, tmp_path: Path) -> None:
    url = await store.put_object("v/external_import/a b.jpg", io.BytesIO(b"photo"), "image/jpeg")
    files = [path for path in (tmp_path / "shelf" / "objects").rglob("*") if path.is_file()]
    assert [path.as_uri() for path in files] == [url]


async def test_an_object_that_breaks_off_leaves_no_draft(store: LocalStore, tmp_path: Path) -> None:
    class Breaks(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise ConnectionError("cut")

    with pytest.raises(Exception, match="cut"):
        await store.put_object("v/a.jpg", Breaks(), "image/jpeg")
    assert [path for path in (tmp_path / "shelf" / "objects").rglob("*") if path.is_file()] == []
