"""One source URL in, a verified picture or one reason out: politely and safely."""

from tui.images.candidates import Candidate, Candidates, LeftOut, Why, choose
from tui.images.fetch import Limits
from tui.images.guard import Guard
from tui.images.obtain import Images
from tui.images.pace import PROFILES, Drained, Pace, Profile

__all__ = [
    "PROFILES",
    "Candidate",
    "Candidates",
    "Drained",
    "Guard",
    "Images",
    "LeftOut",
    "Limits",
    "Pace",
    "Profile",
    "Why",
    "choose",
]
