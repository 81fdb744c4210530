"""Who runs which test, and when: all tests of a project in one worker, and what takes long first."""

from __future__ import annotations

from collections import Counter

import pytest

PROJECTS = ("production", "lean", "bare")
"""The fixtures that are an empty project."""

SHAPES = frozenset(
    (*PROJECTS, "linked", "numbered", "viewed", "veiled", "served", "served-lean", "plain", "plain-lean"),
)
"""The parameters that name a project."""


def arrange(items: list[pytest.Item]) -> None:
    """Group the tests for xdist, and sort them: long ones, the projects from the largest on, and all others.

    A project costs a second and 200 MB wherever it is started. Within each part the order stays as it was, random.
    """
    for item in items:
        if project := _project(item):
            item.add_marker(pytest.mark.xdist_group(project))
    sizes = Counter(_group(item) for item in items)
    items.sort(key=lambda item: (item.get_closest_marker("long") is None, -sizes[_group(item)]))


def _project(item: pytest.Item) -> str:
    """The project that a test works on; empty where it needs no server."""
    assert isinstance(item, pytest.Function)
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    for name in [*parameters, *item.fixturenames]:
        if isinstance(name, str) and name in SHAPES:
            return name
    return item.path.stem if "stack" in item.fixturenames else ""


def _group(item: pytest.Item) -> str:
    """Tests without a group are groups of one."""
    mark = item.get_closest_marker("xdist_group")
    return str(mark.args[0]) if mark else item.nodeid
