from __future__ import annotations

import base64
import json

import pytest

from tui.model import Finding, Health
from tui.settings import Claims, Secret, claims_of
from tui.stores.schema import VERSION
from tui.stores.supabase import verdicts
from tui.stores.supabase.objects import Bucket
from tui.stores.supabase.shape import Shape, Table
from tui.stores.supabase.verdicts import Powers

NOW = 1_800_000_000.0
DAY = 86_400.0


def jwt(**claims: object) -> Secret:
    """A key that claims this; nobody checks its signature here."""
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return Secret(f"eyJhbGciOiJIUzI1NiJ9.{body}.c2ln")


def shape(vehicles: str = "", images: str = "", organizations: str = "", name: str = "", links: str = "") -> Shape:
    return Shape(
        vehicles=Table("vehicles", frozenset(f"id origin_metadata {vehicles}".split())),
        images=Table("vehicle_images", frozenset(f"vehicle_id image_url {images}".split())),
        links=Table("organization_vehicles", frozenset(links.split())),
        queue=Table("import_queue"),
        organizations=Table("dealers" if organizations else "", frozenset(organizations.split())),
        organization_name=name,
        installed=False,
    )


@pytest.mark.parametrize(
    ("key", "claims"),
    [
        (jwt(role="anon", ref="abc", exp=5), Claims("anon", "abc", 5.0)),
        (Secret("sb_secret_x"), Claims("service_role")),
        (Secret("sb_publishable_x"), Claims("publishable")),
        (Secret("opaque"), Claims()),
        (Secret("a.b.c"), Claims()),
        (Secret("a.WzFd.c"), Claims()),
        (Secret("a.é.c"), Claims()),
        (jwt(role=3, exp="soon"), Claims("3")),
    ],
)
def test_what_a_key_says_of_itself(key: Secret, claims: Claims) -> None:
    assert claims_of(key) == claims


@pytest.mark.parametrize(
    ("claims", "powers", "health", "says"),
    [
        (Claims("service_role"), Powers(True, True), Health.OK, "service role"),
        (Claims("service_role"), Powers(True, False), Health.OK, "service role"),
        (Claims("service_role"), Powers(False, True), Health.FAIL, "may not write image rows"),
        (Claims("service_role"), Powers(None, None, False), Health.FAIL, "may not run the functions"),
        (Claims(), Powers(True, True, True, "service_role"), Health.OK, "service role"),
        (Claims("anon"), Powers(False, False), Health.FAIL, "an anon key"),
        (Claims("anon"), Powers(True, False), Health.FAIL, "an anon key"),
        (Claims("anon"), Powers(None, False), Health.FAIL, "an anon key"),
        (Claims("publishable"), Powers(True, True), Health.WARN, "so may everybody"),
        (Claims("authenticated"), Powers(False, False), Health.FAIL, "a user's key"),
        (Claims(), Powers(True, False), Health.FAIL, "limited rights"),
        (Claims("service_role", expires=NOW + 3 * DAY), Powers(True, True), Health.WARN, "until 2027-01-18"),
        (Claims("service_role", expires=NOW + 300 * DAY), Powers(True, True), Health.OK, "until 2027-11-11"),
        (Claims("service_role", expires=1e300), Powers(True, True), Health.OK, "no calendar"),
    ],
)
def test_a_key_is_judged_by_what_it_may_do(claims: Claims, powers: Powers, health: Health, says: str) -> None:
    finding = verdicts.key(claims, powers, NOW)
    assert finding.health is health
    assert says in finding.text
    assert bool(finding.advice) is (health is not Health.OK)


def test_the_key_of_another_project_is_told_before_it_is_sent() -> None:
    claims = Claims("service_role", "abcdefgh")
    finding = verdicts.stranger(claims, "https://other.supabase.co")
    assert finding is not None
    assert "abcdefgh" in finding.text
    for url in ("https://abcdefgh.supabase.co", "https://data.example", "http://127.0.0.1:54321"):
        assert verdicts.stranger(claims, url) is None
    assert verdicts.stranger(Claims("service_role"), "https://other.supabase.co") is None


def test_a_key_that_expired_says_when() -> None:
    assert "it expired on 2027-01-15" in verdicts.refused(Claims(expires=NOW - 60), "no.", NOW).text
    assert verdicts.refused(Claims(expires=NOW + 60), "no.", NOW).text == "no."


def by_subject(*findings: Finding) -> dict[str, Finding]:
    return {finding.subject: finding for finding in findings}


def test_missing_columns_say_what_is_lost() -> None:
    found = by_subject(*verdicts.tables(shape("is_public", "source")))
    assert found["tables"].text == "vehicles, vehicle_images"
    assert found["columns"].health is Health.WARN
    assert "vehicle_images.file_hash (the same image under two URLs is stored twice)" in found["columns"].text
    assert "source " not in found["columns"].text
    whole = shape("is_public updated_at", "source file_hash source_url position is_primary")
    assert by_subject(*verdicts.tables(whole))["columns"].health is Health.OK


@pytest.mark.parametrize(
    ("seen", "health", "says"),
    [
        (shape(), Health.WARN, "no table"),
        (shape(organizations="id name", name="name"), Health.WARN, "which vehicle is whose"),
        (shape("origin_organization_id", organizations="id"), Health.WARN, "without names"),
        (shape("origin_organization_id", organizations="id name", name="name"), Health.OK, "dealers, by name"),
        (shape(organizations="id n", name="n", links="organization_id vehicle_id"), Health.OK, "dealers, by n"),
    ],
)
def test_organizations(seen: Shape, health: Health, says: str) -> None:
    finding = by_subject(*verdicts.tables(seen))["organizations"]
    assert finding.health is health
    assert says in finding.text


@pytest.mark.parametrize(
    ("bucket", "subject", "health", "says"),
    [
        (None, "bucket", Health.FAIL, "there is no bucket"),
        (Bucket(False, None, ()), "bucket", Health.FAIL, "private"),
        (Bucket(True, None, ()), "bucket", Health.OK, "public"),
        (Bucket(True, 5_000_000, ()), "bucket size", Health.WARN, "up to 5 MB, images up to 26.2 MB"),
        (Bucket(True, 50_000_000, ()), "bucket size", Health.OK, "50 MB"),
        (Bucket(True, None, ()), "bucket size", Health.OK, "the project's own"),
        (Bucket(True, None, ("image/jpg", "image/png")), "bucket types", Health.WARN, "no image/jpeg, image/webp"),
        (Bucket(True, None, ("image/jpg",)), "bucket types", Health.FAIL, "image/jpg, which it has"),
        (Bucket(True, None, ("image/*",)), "bucket types", Health.OK, "every image"),
    ],
)
def test_the_bucket(bucket: Bucket | None, subject: str, health: Health, says: str) -> None:
    finding = by_subject(*verdicts.bucket(bucket, 25 * 1024 * 1024))[subject]
    assert finding.health is health
    assert says in finding.text
    assert (finding.remedy == "bucket") is (bucket is None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("8s", 8.0), ("0", 0.0), ("500ms", 0.5), ("2min", 120.0), ("1h", 3600.0), ("1500", 1.5), ("soon", None)],
)
def test_a_timeout_as_the_database_writes_it(text: str, seconds: float | None) -> None:
    assert verdicts.installed_of({"statement_timeout": text}).timeout == seconds


@pytest.mark.parametrize(
    ("seconds", "health"), [(8.0, Health.OK), (3.0, Health.OK), (2.9, Health.WARN), (0.0, Health.WARN)]
)
def test_the_statement_timeout(seconds: float, health: Health) -> None:
    assert verdicts.statement_timeout(seconds).health is health


@pytest.mark.parametrize("facts", [None, [], "x", {"version": "x", "now": "y", "indexes": 3}, {}])
def test_an_answer_that_is_not_understood_is_no_version(facts: object) -> None:
    assert verdicts.installed_of(facts).version == 0


@pytest.mark.parametrize(
    ("facts", "health", "says"),
    [
        ({"version": VERSION}, Health.OK, f"version {VERSION}"),
        ({"version": VERSION, "columns_current": False}, Health.WARN, "columns have changed"),
        ({"version": VERSION + 1}, Health.FAIL, "newer"),
        ({}, Health.FAIL, f"version 0 of {VERSION}"),
    ],
)
def test_our_sql(facts: object, health: Health, says: str) -> None:
    finding = verdicts.our_sql(verdicts.installed_of(facts))
    assert finding.health is health
    assert says in finding.text


def test_sql_of_an_older_program_is_no_obstacle_to_looking() -> None:
    assert verdicts.our_sql(verdicts.installed_of({}), read_only=True).health is Health.WARN


def test_without_our_sql_it_is_said_what_cannot_be_seen() -> None:
    finding = verdicts.our_sql(None)
    assert finding.health is Health.WARN
    assert "statement timeout" in finding.text
    assert "backfill-tui schema" in finding.advice


def test_an_index_is_missed_where_its_column_is_there() -> None:
    seen = {"images of a vehicle": True, "the same bytes once in a vehicle": False}
    assert verdicts.indexes(seen, shape()).health is Health.OK
    finding = verdicts.indexes(seen, shape(images="file_hash"))
    assert finding.health is Health.WARN
    assert "(vehicle_id, file_hash)" in finding.advice


@pytest.mark.parametrize(
    ("low", "high", "ahead"), [(-1.0, 1.0, 0.0), (5.0, 6.0, 5.0), (-6.0, -5.0, -5.0), (0.0, 3.0, 0.0)]
)
def test_clocks_differ_by_no_more_than_is_certain(low: float, high: float, ahead: float) -> None:
    assert verdicts.ahead(low, high) == ahead


@pytest.mark.parametrize(
    ("ahead", "health", "says"),
    [
        (1.9, Health.OK, "agrees"),
        (12.0, Health.WARN, "12 s behind"),
        (-31.0, Health.FAIL, "31 s ahead"),
    ],
)
def test_the_clock(ahead: float, health: Health, says: str) -> None:
    finding = verdicts.clock(ahead)
    assert finding.health is health
    assert says in finding.text
