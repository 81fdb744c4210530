"""The gallery in every shape that an extraction leaves: all stores read and count it alike."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.stores.contract.shelves import JSON_NULL, LocalShelf, Shelf
from tests.stores.shelf import claim
from tui.model import Scope, State, VehicleQuery
from tui.stores import Store

NESTED = "[" * 5_000


SHAPES: list[tuple[object, tuple[object, ...], State]] = [
    ({"image_urls": ["a", "b"]}, ("a", "b"), State.READY),
    ({"image_urls": ["a", 7, None, {"url": "b"}, ["c"]]}, ("a", 7, None, {"url": "b"}, ["c"]), State.READY),
    ({"image_urls": "http://a/1.jpg"}, ("http://a/1.jpg",), State.READY),
    ({"image_urls": '["a", "b"]'}, ("a", "b"), State.READY),
    ({"image_urls": ' [ "a" ] '}, ("a",), State.READY),
    ({"image_urls": "[NaN]"}, ("[NaN]",), State.READY),
    ({"image_urls": NESTED}, (NESTED,), State.READY),
    ({"image_urls": None, "images": ["a"]}, ("a",), State.READY),
    ({"image_urls": [], "images": ["a"]}, (), State.EMPTY),
    ({"images": [{"url": "a"}]}, ({"url": "a"},), State.READY),
    ({"images": '["a"]'}, ("a",), State.READY),
    ({"image_urls": []}, (), State.EMPTY),
    ({"image_urls": ""}, (), State.EMPTY),
    ({"image_urls": "  "}, (), State.EMPTY),
    ({"image_urls": '{"a": 1}'}, (), State.EMPTY),
    ({"image_urls": "7"}, (), State.EMPTY),
    ({"image_urls": {"a": 1}}, (), State.EMPTY),
    ({"image_urls": 7}, (), State.EMPTY),
    ({"image_urls": False}, (), State.EMPTY),
    ({"images": 7}, (), State.NO_URLS),
    ({"image_urls": None}, (), State.NO_URLS),
    ({}, (), State.NO_URLS),
    (["image_urls"], (), State.NO_URLS),
    ("image_urls", (), State.NO_URLS),
    (7, (), State.NO_URLS),
    (JSON_NULL, (), State.NO_URLS),
    (None, (), State.NO_URLS),
    ({"image_urls": ["a"], "images_backfilled": True}, ("a",), State.BACKFILLED),
    ({"image_urls": ["a"], "images_backfilled": "true"}, ("a",), State.BACKFILLED),
    ({"image_urls": ["a"], "images_backfilled": " Yes "}, ("a",), State.BACKFILLED),
    ({"image_urls": ["a"], "images_backfilled": "no"}, ("a",), State.READY),
    ({"image_urls": ["a"], "images_backfilled": None}, ("a",), State.READY),
]


async def test_every_shape(store: Store, shelf: Shelf) -> None:
    keys = [shelf.put_vehicle(metadata) for metadata, _, _ in SHAPES]
    await store.refresh()
    rows = {row.id: row for row in (await store.vehicles(VehicleQuery())).rows}
    assert [(rows[key].state, rows[key].url_count) for key in keys] == [(state, len(urls)) for _, urls, state in SHAPES]
    assert [(await store.gallery(key)).urls for key in keys] == [urls for _, urls, _ in SHAPES]
    claimed = {lease.vehicle.id: lease.gallery.urls for lease in await claim(store, 99)}
    ready = {key: urls for key, (_, urls, state) in zip(keys, SHAPES, strict=True) if state is State.READY}
    assert claimed == ready


def word(longest: int = 12) -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=longest)


numbers = st.one_of(st.integers(-(2**53), 2**53), st.floats(-1e6, 1e6).map(lambda value: round(value, 3)))
urls = st.sampled_from(
    [
        "http://a/1.jpg",
        "https://B.example:80/",
        "//c/1",
        "http://u:p@d/",
        "http://[::1]:80/x",
        "mailto:x",
        "a?b=http://c/",
    ]
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, word(), urls),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(word(4), inner, max_size=2)),
    max_leaves=5,
)
lists = st.lists(st.one_of(urls, values), max_size=4)
galleries = st.one_of(lists, lists, values, lists.map(json.dumps), values.map(json.dumps), word().map(" {} ".format))
marks = st.sampled_from([None, True, False, "true", "TRUE", "yes", "f", "no", 1, 0])
contents = st.one_of(
    values,
    st.fixed_dictionaries({}, optional={"image_urls": galleries, "images": galleries, "images_backfilled": marks}),
)


@pytest_asyncio.fixture
async def local(tmp_path: Path) -> AsyncIterator[Shelf]:
    """What the other stores are compared with."""
    shelf = await LocalShelf("local", tmp_path / "compared").start()
    yield shelf
    await shelf.close()


@pytest.mark.remote
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(contents, min_size=1, max_size=12))
async def test_every_store_counts_them_alike(shelf: Shelf, local: Shelf, metadata: list[object]) -> None:
    seen = []
    for one in (shelf, local):
        for key in [row["id"] for row in one.select("vehicles")]:
            one.delete("vehicles", key)
        keys = [one.put_vehicle(content) for content in metadata]
        await one.store.refresh()
        by_id = {row.id: row for row in (await one.store.vehicles(VehicleQuery())).rows}
        rows = [by_id[key] for key in keys]
        galleries = [(await one.store.gallery(key)).urls for key in keys]
        open_ones = {lease.vehicle.id: lease.gallery.urls for lease in await one.store.peek(Scope(), 0, 99)}
        seen.append(
            (
                [(row.state, row.url_count, row.hosts) for row in rows],
                galleries,
                [open_ones.get(key) for key in keys],
                await one.store.counts(),
                await one.store.workload(Scope(), 2),
            )
        )
        assert [row.url_count for row in rows] == list(map(len, galleries))
    assert seen[0] == seen[1]
