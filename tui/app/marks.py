"""Which organizations or vehicles the operator has marked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tui.app import words
from tui.app.columns import ALL
from tui.app.widgets.pager import PagedList
from tui.model import Organization, Scope, Vehicle

MOST = 10_000
"""Rows that one key marks; whoever wants more wants an organization, or all."""


@dataclass(frozen=True)
class Marks:
    """Ids in the order of marking, of one kind: a run is about organizations or about vehicles, not about both."""

    organizations: tuple[str, ...] = ()
    vehicles: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.organizations or self.vehicles)

    @property
    def words(self) -> str:
        """`2 organizations marked`; empty without marks."""
        if self.organizations:
            return f"{words.plural(len(self.organizations), 'organization')} marked"
        return f"{words.plural(len(self.vehicles), 'vehicle')} marked" if self.vehicles else ""

    def toggled(self, name: str, *, vehicles: bool) -> Marks:
        """With one more mark, or one less."""
        now = self.vehicles if vehicles else self.organizations
        return self._of([n for n in now if n != name] if name in now else [*now, name], vehicles)

    def toggled_all(self, names: Iterable[str], *, vehicles: bool) -> Marks:
        """With all of them marked; without them when all were."""
        names = list(names)
        now = dict.fromkeys(self.vehicles if vehicles else self.organizations)
        if all(name in now for name in names):
            return self._of([name for name in now if name not in set(names)], vehicles)
        return self._of(list(now | dict.fromkeys(names)), vehicles)

    @staticmethod
    def _of(names: list[str], vehicles: bool) -> Marks:
        return Marks(vehicles=tuple(names)) if vehicles else Marks(organizations=tuple(names))


def aim(
    marks: Marks, organization: Organization | None, vehicle: Vehicle | None, *, include_private: bool
) -> tuple[Scope, str]:
    """What a run is about, and its name: the marks, else the vehicle if one is meant, else the organization."""
    if marks:
        return Scope(marks.organizations, marks.vehicles, include_private), marks.words
    if vehicle is not None:
        return Scope((), (vehicle.id,), include_private), f"this vehicle, {words.clean(vehicle.title) or '(no title)'}"
    if organization is None or organization.id == ALL:
        return Scope((), (), include_private), "all organizations"
    return Scope((organization.id,), (), include_private), words.clean(organization.name)


async def collect(pager: PagedList[Any]) -> tuple[list[str], bool]:
    """The keys of all rows that a list shows, and whether there are more than may be marked at once."""
    found: list[str] = [row.id async for row in pager.every_row(MOST)]
    return found, pager.total > MOST
