"""What a local store needs, looked at one by one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from tui.model import Finding, Health


async def examine_folder(folder: Path) -> AsyncIterator[Finding]:
    """One finding after the other about the store in `folder`."""
    there = await asyncio.to_thread(folder.is_dir)
    yield Finding("folder", Health.OK if there else Health.FAIL, str(folder))
