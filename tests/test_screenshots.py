from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCREENSHOTS = Path(__file__).parent.parent / "screenshots"


@pytest.mark.long
def test_the_screenshots_are_those_of_this_code(tmp_path: Path) -> None:
    subprocess.run([sys.executable, SCREENSHOTS / "make.py", tmp_path], check=True, timeout=120)
    drawn = {file.name: file.read_bytes() for file in tmp_path.glob("*.svg")}
    kept = {file.name: file.read_bytes() for file in SCREENSHOTS.glob("*.svg")}
    assert drawn.keys() == kept.keys()
    stale = [name for name in drawn if drawn[name] != kept[name]]
    assert not stale, "`python screenshots/make.py` draws them anew"


def test_the_readme_shows_pictures_that_exist() -> None:
    readme = (SCREENSHOTS.parent / "README.md").read_text(encoding="utf-8")
    shown = [part.split(")")[0] for part in readme.split("(screenshots/")[1:]]
    assert shown
    assert all((SCREENSHOTS / name).is_file() for name in shown)
