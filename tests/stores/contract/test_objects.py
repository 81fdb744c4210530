"""Objects: whole, under a URL, in their bucket."""

from __future__ import annotations

import asyncio
import io
from urllib.request import urlopen

import pytest

from tests.stores.contract.shelves import Shelf
from tui.stores import Store


async def test_an_object_opens_under_its_url(store: Store, shelf: Shelf) -> None:
    for content in (b"first", b"second, longer"):
        url = await store.put_object("v/external_import/a b.jpg", io.BytesIO(content), "image/jpeg")
    with await asyncio.to_thread(urlopen, url) as response:
        assert response.read() == b"second, longer"
    assert shelf.objects() == {"v/external_import/a b.jpg": b"second, longer"}


async def test_an_object_stays_in_its_bucket(store: Store) -> None:
    for path in ("../x", "/x", "a//b", "a/./b", "a/../../b", "", "ü.jpg", "a\\b", "a\nb"):
        with pytest.raises(ValueError, match="not an object path"):
            await store.put_object(path, io.BytesIO(b""), "image/jpeg")


async def test_an_object_that_breaks_off_leaves_nothing(store: Store, shelf: Shelf) -> None:
    class Breaks(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise ConnectionError("cut")

    with pytest.raises(Exception, match="cut"):
        await store.put_object("v/a.jpg", Breaks(), "image/jpeg")
    assert shelf.objects() == {}


async def test_workers_that_write_the_same_object_at_once(store: Store, shelf: Shelf) -> None:
    stores = [store, *[await shelf.another() for _ in range(3)]]
    photo = bytes(range(256)) * 4_000
    urls = await asyncio.gather(*(one.put_object("v/a.jpg", io.BytesIO(photo), "image/jpeg") for one in stores))
    assert len(set(urls)) == 1
    assert shelf.objects() == {"v/a.jpg": photo}
