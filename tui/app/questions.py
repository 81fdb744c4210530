"""Where the rows of the inventory's lists come from."""

from __future__ import annotations

from collections.abc import Callable

from tui.app.columns import ALL
from tui.app.widgets.pager import Fetch
from tui.model import Counts, Organization, OrganizationSort, Page, Vehicle, VehicleQuery, VehicleSort
from tui.stores import Store

Order = tuple[str, bool]
"""A sort key, and whether it descends."""


def organizations(store: Store, text: str, order: Order, counts: Callable[[], Counts | None]) -> Fetch[Organization]:
    """Organizations whose name holds `text`; without a filter they stand below a row for all of them."""

    async def fetch(offset: int, limit: int) -> Page[Organization]:
        everything = Organization(ALL, "All organizations", counts=counts() or Counts())
        extra = 0 if text else 1
        page = await store.organizations(
            filter=text,
            sort=OrganizationSort(order[0]),
            descending=order[1],
            offset=max(0, offset - extra),
            limit=limit - (extra if offset == 0 else 0),
        )
        if text or not (page.total or everything.counts.vehicles):
            return page
        return Page((*((everything,) if offset == 0 else ()), *page.rows), offset, page.total + 1)

    return fetch


def vehicles(store: Store, organization_id: str, text: str, order: Order) -> Fetch[Vehicle]:
    """Vehicles of one organization, or of all of them, whose title or VIN holds `text`."""

    async def fetch(offset: int, limit: int) -> Page[Vehicle]:
        query = VehicleQuery(organization_id or None, text, VehicleSort(order[0]), order[1], offset, limit)
        return await store.vehicles(query)

    return fetch
