"""Real Supabase projects on loopback: PostgreSQL, PostgREST and storage behind one URL that fails on demand."""

from pathlib import Path

from tests.support.stack.faults import Answer, Cut, Delay, Fault, Hold, Logged, storage_refusal
from tests.support.stack.parts import Missing
from tests.support.stack.project import Project
from tests.support.stack.stack import Stack

_FOLDER = Path(__file__).parent
PRODUCTION = (_FOLDER / "production.sql").read_text()
LEAN = (_FOLDER / "lean.sql").read_text()
BARE = (_FOLDER / "bare.sql").read_text()

__all__ = [
    "BARE",
    "LEAN",
    "PRODUCTION",
    "Answer",
    "Cut",
    "Delay",
    "Fault",
    "Hold",
    "Logged",
    "Missing",
    "Project",
    "Stack",
    "storage_refusal",
]
