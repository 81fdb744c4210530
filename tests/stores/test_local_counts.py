"""Counts stay true under any edit, by this program or by hand: checked against the monitoring SQL and a recount."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tui.model import Counts, Listing, Outcome, Reason, Result, Scope, Settlement, State, VehicleQuery
from tui.stores.local import LocalStore

NEEDING = """
SELECT COUNT(*) FROM vehicles v WHERE v.is_public = true AND v.origin_metadata->>'image_urls' IS NOT NULL
AND (SELECT COUNT(*) FROM vehicle_images vi WHERE vi.vehicle_id = v.id) = 0
"""
BACKFILLED = """
SELECT COUNT(*) FROM vehicles v WHERE v.is_public = true AND (v.origin_metadata->>'images_backfilled') = true
"""

R = TypeVar("R")

ids = st.sampled_from(["v1", "v2", "v3", "v4"])
organizations = st.sampled_from([None, "", "A", "B"])
galleries = st.sampled_from([None, [], ["a"], ["a", "b", "c"], "http://x/1.jpg", '["a", "b"]', "", "[]", 7, {"a": 1}])
marks = st.sampled_from([None, True, False, "true", "TRUE", "no", 1, 0, 2])
metadata = st.one_of(
    st.none(),
    st.sampled_from([[], "text", 7]),
    st.fixed_dictionaries({}, optional={"image_urls": galleries, "images": galleries, "images_backfilled": marks}),
)
sources = st.sampled_from(["external_import", "bat_import"])
outcomes = st.lists(
    st.builds(Outcome, st.sampled_from("abc"), st.just("h"), st.sampled_from(Result), st.just(Reason.GONE)), max_size=4
)


class Edits(RuleBasedStateMachine):
    """Edits of a few vehicles in one store; after each the counts must be those that the rows give."""

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.loop = asyncio.new_event_loop()
        self.store = self.wait(LocalStore.open(self.folder))
        self.hand = sqlite3.connect(self.folder / "store.sqlite3", isolation_level=None)
        self.hand.execute("PRAGMA synchronous = OFF")
        for name, organization in (("v1", "A"), ("v2", None), ("v3", None)):
            self.put_vehicle("INSERT", name, {"image_urls": ["a", "b"]}, organization, True)

    def wait(self, coroutine: Coroutine[object, object, R]) -> R:
        return self.loop.run_until_complete(coroutine)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.hand.close()
            self.wait(self.store.close())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()
            shutil.rmtree(self.folder)

    # By hand

    @rule(
        verb=st.sampled_from(["INSERT OR IGNORE", "INSERT OR REPLACE"]),
        id=ids,
        content=metadata,
        organization=organizations,
        is_public=st.booleans(),
    )
    def put_vehicle(self, verb: str, id: str, content: object, organization: str | None, is_public: bool) -> None:
        self.hand.execute(
            f"{verb} INTO vehicles (id, origin_metadata, origin_organization_id, is_public) VALUES (?, ?, ?, ?)",
            (id, json.dumps(content) if content is not None else None, organization, is_public),
        )

    @rule(id=ids, content=metadata)
    def edit_metadata(self, id: str, content: object) -> None:
        self.hand.execute("UPDATE vehicles SET origin_metadata = ? WHERE id = ?", (json.dumps(content), id))

    @rule(id=ids, is_public=st.booleans(), organization=organizations, make=st.sampled_from([None, "", "Ford"]))
    def edit_vehicle(self, id: str, is_public: bool, organization: str | None, make: str | None) -> None:
        self.hand.execute(
            "UPDATE vehicles SET is_public = ?, origin_organization_id = ?, make = ? WHERE id = ?",
            (is_public, organization, make, id),
        )

    @rule(id=ids, new=ids)
    def rename_vehicle(self, id: str, new: str) -> None:
        self.hand.execute("UPDATE OR IGNORE vehicles SET id = ? WHERE id = ?", (new, id))

    @rule(id=ids)
    def delete_vehicle(self, id: str) -> None:
        self.hand.execute("DELETE FROM vehicles WHERE id = ?", (id,))

    @rule(
        verb=st.sampled_from(["INSERT OR IGNORE", "INSERT OR REPLACE"]),
        id=ids,
        source=sources,
        file_hash=st.sampled_from([None, "h1", "h2"]),
        is_primary=st.booleans(),
    )
    def put_image(self, verb: str, id: str, source: str, file_hash: str | None, is_primary: bool) -> None:
        self.hand.execute(
            f"{verb} INTO vehicle_images (vehicle_id, image_url, source, file_hash, is_primary)"
            " VALUES (?, 'u', ?, ?, ?)",
            (id, source, file_hash, is_primary),
        )

    @rule(id=ids, new=ids, source=sources)
    def edit_images(self, id: str, new: str, source: str) -> None:
        self.hand.execute(
            "UPDATE OR IGNORE vehicle_images SET vehicle_id = ?, source = ? WHERE vehicle_id = ?", (new, source, id)
        )

    @rule(id=ids)
    def delete_images(self, id: str) -> None:
        self.hand.execute("DELETE FROM vehicle_images WHERE vehicle_id = ?", (id,))

    @rule(id=ids, organization=st.sampled_from("ABC"), status=st.sampled_from(["active", "sold"]))
    def put_membership(self, id: str, organization: str, status: str) -> None:
        self.hand.execute(
            "INSERT OR REPLACE INTO organization_vehicles (vehicle_id, organization_id, status, created_at)"
            " VALUES (?, ?, ?, '')",
            (id, organization, status),
        )

    @rule(id=ids, status=st.sampled_from(["active", "sold"]))
    def edit_membership(self, id: str, status: str) -> None:
        self.hand.execute("UPDATE organization_vehicles SET status = ? WHERE vehicle_id = ?", (status, id))

    @rule(id=ids)
    def delete_membership(self, id: str) -> None:
        self.hand.execute("DELETE FROM organization_vehicles WHERE vehicle_id = ?", (id,))

    @rule()
    def vacuum(self) -> None:
        self.hand.execute("VACUUM")

    # By the program

    @rule(found=outcomes, parked=st.booleans(), backfilled=st.booleans())
    def settle(self, found: list[Outcome], parked: bool, backfilled: bool) -> None:
        for lease in self.wait(self.store.claim(Scope(), 1, worker="w", run_id="r", ttl=60)):
            settlement = Settlement(
                tuple(found), backfilled=backfilled and bool(lease.stored), parked=parked and not lease.stored
            )
            self.wait(self.store.settle(lease, settlement))

    @rule()
    def retry(self) -> None:
        self.wait(self.store.retry())

    @rule(id=ids)
    def unpark(self, id: str) -> None:
        self.wait(self.store.unpark([id]))

    @rule(identity=st.sampled_from(["1", "2"]), urls=st.lists(st.sampled_from("abcd"), max_size=3))
    def intake(self, identity: str, urls: list[str]) -> None:
        self.wait(self.store.intake([Listing(identity, organization="A", image_urls=tuple(urls))]))

    # What must hold

    def ask(self, query: str) -> int:
        return int(self.hand.execute(query).fetchone()[0])

    @invariant()
    def counts_are_those_of_the_monitoring_sql(self) -> None:
        counts = self.wait(self.store.counts())
        assert (counts.needing, counts.backfilled) == (self.ask(NEEDING), self.ask(BACKFILLED))
        assert counts.needing == counts.ready + counts.parked + counts.empty + counts.marked

    @invariant()
    def counts_are_those_of_a_recount(self) -> None:
        parked = {row[0] for row in self.hand.execute(PARKED)}
        finals = dict(self.hand.execute(FINALS).fetchall())
        by_organization: dict[str, Counts] = {}
        for row in self.hand.execute(ROWS):
            of, counted = recount(*row, is_parked=row[0] in parked, finals=finals.get(row[0], 0))
            by_organization[of] = plus(by_organization.get(of, Counts()), counted)
        for of, expected in by_organization.items():
            assert self.wait(self.store.counts(of)) == expected
        total = Counts()
        for counted in by_organization.values():
            total = plus(total, counted)
        assert self.wait(self.store.counts()) == total

    @invariant()
    def pages_agree_with_the_rows(self) -> None:
        page = self.wait(self.store.vehicles(VehicleQuery()))
        assert page.total == len(page.rows) == self.ask("SELECT COUNT(*) FROM vehicles")
        assert {row.id: row.stored for row in page.rows} == dict(
            self.hand.execute(
                "SELECT id, (SELECT COUNT(*) FROM vehicle_images i WHERE i.vehicle_id = v.id) FROM vehicles v"
            ).fetchall()
        )
        ready = {row.id for row in page.rows if row.state in (State.READY, State.PARTIAL) and row.is_public}
        assert {lease.vehicle.id for lease in self.wait(self.store.peek(Scope(), 0, 99))} == ready
        for row in page.rows:
            assert row.url_count == len(self.wait(self.store.gallery(row.id)).urls)


PARKED = "SELECT v.id FROM vehicles v JOIN image_backfill_jobs j ON j.vehicle = v.seq WHERE j.parked"
FINALS = """
SELECT v.id, COUNT(*) FROM vehicles v JOIN image_backfill_outcomes o ON o.vehicle = v.seq
WHERE o.result <> 'deferred' GROUP BY v.id
"""
ROWS = """
SELECT id, is_public, origin_metadata, origin_organization_id,
  (SELECT MIN(organization_id) FROM organization_vehicles o WHERE o.vehicle_id = v.id AND o.status = 'active'),
  (SELECT json_group_array(source) FROM vehicle_images i WHERE i.vehicle_id = v.id)
FROM vehicles v
"""


def recount(
    id: str,
    is_public: int,
    content: str | None,
    origin: str | None,
    member: str | None,
    sources: str,
    *,
    is_parked: bool,
    finals: int,
) -> tuple[str, Counts]:
    """The organization of a vehicle and its share of the counts, from its rows alone and by other code."""
    organization = origin or member or ""
    if not is_public:
        return organization, Counts()
    decoded = json.loads(content) if content else {}
    fields = decoded if isinstance(decoded, dict) else {}
    listed = fields.get("image_urls") is not None
    urls = count_urls(fields["image_urls"] if listed else fields.get("images"))
    stored = json.loads(sources)
    ours = stored.count("external_import")
    marked = fields.get("images_backfilled") in (True, "true", "TRUE", 1)
    needing = listed and not stored
    parked = is_parked and not marked and urls > 0
    workable = urls > 0 and not marked and not parked and (bool(ours) or not stored)
    ready = workable and not stored
    return organization, Counts(
        needing=needing,
        backfilled=marked,
        ready=ready and listed,
        partial=workable and bool(stored),
        parked=parked and needing,
        empty=needing and not urls and not marked,
        marked=marked and needing,
        legacy=ready and not listed,
        vehicles=1,
        images_to_come=max(urls - finals, 0) if workable else 0,
    )


def count_urls(gallery: object) -> int:
    if isinstance(gallery, str) and gallery[:1] != "[":
        return 1 if gallery else 0
    urls = json.loads(gallery) if isinstance(gallery, str) else gallery
    return len(urls) if isinstance(urls, list) else 0


def plus(one: Counts, other: Counts) -> Counts:
    return Counts(*(a + b for a, b in zip(asdict(one).values(), asdict(other).values(), strict=True)))


Edits.TestCase.settings = settings(
    max_examples=60, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
TestEdits = pytest.mark.long(Edits.TestCase)


async def test_a_vehicle_belongs_to_its_origin_else_to_its_first_active_organization(
    store: LocalStore, hand: sqlite3.Connection
) -> None:
    async def organization() -> str | None:
        vehicle = await store.vehicle("v")
        assert vehicle is not None
        assert (await store.counts(vehicle.organization_id or "")).vehicles == 1
        return vehicle.organization_id

    hand.execute("INSERT INTO vehicles (id) VALUES ('v')")
    assert await organization() is None
    hand.execute("INSERT INTO organization_vehicles (vehicle_id, organization_id, created_at) VALUES ('v', 'B', '1')")
    hand.execute("INSERT INTO organization_vehicles (vehicle_id, organization_id, created_at) VALUES ('v', 'A', '2')")
    assert await organization() == "B"
    hand.execute("UPDATE organization_vehicles SET status = 'sold' WHERE organization_id = 'B'")
    assert await organization() == "A"
    hand.execute("DELETE FROM organization_vehicles WHERE organization_id = 'A'")
    assert await organization() is None
    hand.execute("UPDATE vehicles SET origin_organization_id = 'C'")
    assert await organization() == "C"
    hand.execute("UPDATE organization_vehicles SET status = 'active'")
    assert await organization() == "C"
