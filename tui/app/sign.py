"""What is open, in the words and the colour in which every screen says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tui.app.words import clean

if TYPE_CHECKING:
    from tui.trickle.session import Session


class Sign(NamedTuple):
    """A deployment's name, what else is known of it, the colour of its profile, and whether nothing may be written."""

    name: str = ""
    detail: str = ""
    color: str = "none"
    read_only: bool = False

    @property
    def title(self) -> str:
        """Name and detail."""
        return f"{self.name} · {self.detail}" if self.detail else self.name

    @property
    def own(self) -> str:
        """What tells it from others of its kind: the name without the kind, as in `supabase · abcdefgh`."""
        return self.name.rpartition(" · ")[2]


def sign_of(session: Session | None) -> Sign:
    """The sign of a session; an empty one when nothing is open."""
    if session is None:
        return Sign()
    profile = session.settings.profile
    name, detail = (profile, session.store.label) if profile else (session.title, "")
    return Sign(clean(name), clean(detail), session.color, session.read_only)
