from __future__ import annotations

from dataclasses import asdict

from tui.model import RunOptions, Scope
from tui.stores.reading import options_from


def test_options_of_any_version_can_be_read() -> None:
    options = RunOptions(batch_size=3, pace="gentle", scope=Scope(organization_ids=("a",)), bandwidth=5)
    saved = asdict(options)
    assert options_from(saved) == options
    assert options_from(saved | {"of_later": 1, "scope": saved["scope"] | {"of_later": [2]}}) == options
    del saved["bandwidth"], saved["scope"]
    assert options_from(saved) == RunOptions(batch_size=3, pace="gentle")
