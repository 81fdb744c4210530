"""What importing one room may load."""

from __future__ import annotations

import subprocess
import sys

import pytest


def loaded_by(module: str) -> set[str]:
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    "module", ["tui.trickle.run", "tui.trickle.session", "tui.cli.commands", "tui.stores.supabase"]
)
def test_the_engine_and_the_commands_load_neither_screen_nor_supabase(module: str) -> None:
    assert not {"textual", "supabase"} & loaded_by(module)


def test_this_would_be_noticed() -> None:
    assert "textual" in loaded_by("tui.app.app")
