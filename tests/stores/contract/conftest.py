"""One suite for every store. A test that asks for `shelf` runs against each of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.stores.contract.shelves import (
    LACKING,
    REMOTE,
    LocalShelf,
    PlainShelf,
    ProjectShelf,
    Shelf,
    known_shapes,
    plain_project,
    served_project,
)
from tui.stores import Store


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*features): only stores whose tables can hold these, see `LACKING`")
    config.addinivalue_line("markers", "remote: only stores whose answers can get lost on the way")
    config.addinivalue_line("markers", "any_shape: does not hang on columns, so that one shape of each store will do")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "shelf" in metafunc.fixturenames:
        needs = {feature for mark in metafunc.definition.iter_markers("needs") for feature in mark.args}
        remote = metafunc.definition.get_closest_marker("remote")
        kinds = [kind for kind in (REMOTE if remote else LACKING) if not needs & LACKING[kind]]
        if metafunc.definition.get_closest_marker("any_shape"):
            kinds = [kind for kind in kinds if not kind.endswith("lean")]
        metafunc.parametrize("shelf", kinds, indirect=True)


@pytest.fixture
def _known_shapes() -> Iterator[None]:
    with known_shapes():
        yield


@pytest_asyncio.fixture
async def shelf(request: pytest.FixtureRequest, tmp_path: Path, _known_shapes: None) -> AsyncIterator[Shelf]:
    """An empty store of one kind."""
    kind: str = request.param
    shelf: Shelf
    if kind == "local":
        shelf = await LocalShelf(kind, tmp_path / "shelf").start()
    elif kind.startswith("plain"):
        shelf = await PlainShelf(kind, plain_project(request.getfixturevalue("stack"), kind)).start()
    else:
        shelf = await ProjectShelf(kind, served_project(request.getfixturevalue("stack"), kind)).start()
    yield shelf
    await shelf.close()


@pytest.fixture
def store(shelf: Shelf) -> Store:
    """The store of the shelf."""
    return shelf.store
