from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.support.sidecar import our_sql
from tests.support.stack import Answer, Project
from tui.model import Finding, Health
from tui.settings import Secret, Settings
from tui.stores import StoreError, examine, mend
from tui.stores.supabase import doctor
from tui.stores.supabase.doctor import examine_project


def storage(project: Project, method: str, **rules: object) -> dict[str, Any]:
    """What storage answers about the bucket."""
    headers = {"apikey": project.service_key, "Authorization": f"Bearer {project.service_key}"}
    url = f"{project.url}/storage/v1/bucket/vehicle-images"
    answer: dict[str, Any] = httpx.request(method, url, json=rules, headers=headers).raise_for_status().json()
    return answer


def settings(project: Project, key: str = "", **more: object) -> Settings:
    secret = Secret(key or project.secret_key)
    return Settings(store="supabase", supabase_url=project.url, supabase_key=secret, **more)  # type: ignore[arg-type]


async def examined(known: Settings, clock: Callable[[], float] = time.time) -> dict[str, Finding]:
    """What the doctor finds, by subject; no subject comes twice, and nothing that is wrong goes without advice."""
    findings = [finding async for finding in examine_project(known.project, known, clock)]
    found = {finding.subject: finding for finding in findings}
    assert len(found) == len(findings)
    for finding in findings:
        assert known.supabase_key.reveal() not in repr(finding) or not known.supabase_key
        assert finding.health is Health.OK or finding.advice or finding.text.endswith(".")
    return found


def wrong(found: dict[str, Finding]) -> dict[str, Health]:
    return {subject: finding.health for subject, finding in found.items() if finding.health is not Health.OK}


@pytest.fixture
def served(production: Project) -> Iterator[Project]:
    """A project of the production shape with our SQL."""
    with our_sql(production):
        yield production


async def test_nothing_is_wrong_where_our_sql_is_installed(served: Project) -> None:
    found = await examined(settings(served))
    assert wrong(found) == {}
    assert set(found) == {
        *("project", "key", "tables", "columns", "organizations", "source", "bucket", "bucket size", "bucket types"),
        *("clock", "our SQL", "statement timeout", "indexes"),
    }
    assert found["source"].text == "imports may be written as external_import"
    assert found["statement timeout"].text == "8 s"
    assert found["organizations"].text == "businesses, by business_name"


async def test_a_project_without_our_sql_says_so_and_what_cannot_be_seen(production: Project) -> None:
    found = await examined(settings(production, production.service_key))
    assert wrong(found) == {"our SQL": Health.WARN}
    assert "clock" in found
    assert "indexes" not in found


async def test_nothing_is_left_behind_by_looking(production: Project) -> None:
    await examined(settings(production))
    assert production.value("select count(*) from vehicle_images") == 0
    assert production.value("select count(*) from vehicles") == 0
    assert production.objects() == {}


async def test_read_only_sends_nothing_that_writes(production: Project) -> None:
    found = await examined(settings(production, read_only=True))
    assert {logged.method for logged in production.gateway.log} == {"GET", "POST"}
    assert {logged.path for logged in production.gateway.log if logged.method == "POST"} == {
        "/rest/v1/rpc/image_backfill_health"
    }
    assert "not tried" in found["source"].text
    assert found["key"].health is Health.OK


@pytest.mark.parametrize("shape", ["lean", "bare"])
async def test_smaller_projects_say_what_they_lack(shape: str, request: pytest.FixtureRequest) -> None:
    project: Project = request.getfixturevalue(shape)
    found = await examined(settings(project))
    assert found["columns"].health is Health.WARN
    assert "file_hash" in found["columns"].text
    assert Health.FAIL not in wrong(found).values()
    assert found["organizations"].health is (Health.OK if shape == "lean" else Health.WARN)
    if shape == "lean":
        assert "organization_import" in found["source"].text


@pytest.mark.parametrize("shape", ["production", "lean", "bare"])
@pytest.mark.parametrize("kind", ["anon_key", "publishable_key"])
async def test_a_key_of_the_public_is_told_apart_by_what_it_may_do(
    shape: str, kind: str, request: pytest.FixtureRequest
) -> None:
    project: Project = request.getfixturevalue(shape)
    found = await examined(settings(project, getattr(project, kind)))
    assert found["key"].health is Health.FAIL
    assert kind.partition("_")[0] in found["key"].text
    assert set(found) == {"project", "key"}


async def test_a_key_of_the_public_may_not_run_our_functions(served: Project) -> None:
    found = await examined(settings(served, served.anon_key, read_only=True))
    assert "may not run the functions" in found["key"].text


async def test_a_service_role_without_its_rights_is_no_service_key(production: Project) -> None:
    production.sql("revoke insert on vehicle_images from service_role")
    try:
        found = await examined(settings(production))
    finally:
        production.sql("grant insert on vehicle_images to service_role")
    assert found["key"].health is Health.FAIL
    assert "may not write image rows" in found["key"].text


async def test_a_key_that_has_expired_or_is_unknown(production: Project) -> None:
    expired = await examined(settings(production, production.sign("service_role", -3600)))
    assert "it expired on" in expired["key"].text
    unknown = await examined(settings(production, "sb_secret_of_someone_else"))
    assert set(unknown) == {"key"}
    assert unknown["key"].health is Health.FAIL


async def test_a_missing_table_is_told_and_the_rest_looked_at(production: Project) -> None:
    production.sql("alter table vehicle_images rename to photos")
    production.reload_schema()
    try:
        found = await examined(settings(production))
    finally:
        production.sql("alter table photos rename to vehicle_images")
        production.reload_schema()
    assert found["tables"].health is Health.FAIL
    assert "vehicle_images" in found["tables"].text
    assert found["bucket"].health is Health.OK
    assert not {"columns", "source"} & set(found)


async def test_a_table_of_organizations_that_is_not_there(production: Project) -> None:
    found = await examined(settings(production, organizations_table="dealers"))
    assert "dealers" in found["tables"].text
    assert (await examined(settings(production, organizations_table="businesses")))["tables"].health is Health.OK


async def test_a_source_that_no_rule_admits(production: Project) -> None:
    production.sql("alter table vehicle_images add constraint none check (source not like '%import')")
    try:
        found = await examined(settings(production))
    finally:
        production.sql("alter table vehicle_images drop constraint none")
    assert found["source"].health is Health.FAIL


async def test_a_missing_bucket_is_found_and_made(production: Project) -> None:
    storage(production, "DELETE")
    found = await examined(settings(production))
    assert (found["bucket"].health, found["bucket"].remedy) == (Health.FAIL, "bucket")
    assert found["key"].health is Health.OK
    known = settings(production)
    assert "is made" in await mend(known.store, known, "bucket")
    made = storage(production, "GET")
    assert made["public"]
    assert (made.get("file_size_limit") or known.max_bytes) >= known.max_bytes
    assert made["allowed_mime_types"] == ["image/*"]
    assert wrong(await examined(known)) == {"our SQL": Health.WARN}
    assert "already" in await mend(known.store, known, "bucket")


async def test_a_bucket_with_rules_of_its_own_is_left_alone_and_told(production: Project) -> None:
    storage(production, "PUT", public=False, file_size_limit=1000, allowed_mime_types=["image/jpg"])
    found = await examined(settings(production))
    assert wrong(found) == {
        "bucket": Health.FAIL,
        "bucket size": Health.WARN,
        "bucket types": Health.FAIL,
        "our SQL": Health.WARN,
    }
    assert not found["bucket"].remedy


async def test_a_remedy_that_nobody_knows_and_one_that_may_not_be(production: Project) -> None:
    known = settings(production)
    with pytest.raises(StoreError, match="no remedy"):
        await mend(known.store, known, "prayer")
    storage(production, "DELETE")
    read_only = settings(production, read_only=True)
    with pytest.raises(StoreError, match="read-only"):
        await mend(read_only.store, read_only, "bucket")


@pytest.mark.parametrize(("ahead", "health"), [(10.0, Health.WARN), (-100.0, Health.FAIL)])
async def test_the_clocks_are_compared(production: Project, ahead: float, health: Health) -> None:
    found = await examined(settings(production), lambda: time.time() + ahead)
    assert found["clock"].health is health
    assert ("ahead" if ahead > 0 else "behind") in found["clock"].text


async def test_the_clock_of_the_database_is_asked_where_it_can_be(served: Project) -> None:
    found = await examined(settings(served), lambda: time.time() - 5)
    assert found["clock"].text == "this machine's is 5 s behind"


async def test_what_our_sql_sees(served: Project) -> None:
    served.sql("alter role service_role set statement_timeout = '1s'")
    served.sql("alter index vehicle_images_one_hash rename to kept; drop index vehicle_images_one_primary")
    served.sql("alter table vehicles add column wheels int")
    served.reload_schema()
    try:
        found = await examined(settings(served))
    finally:
        served.sql("alter role service_role set statement_timeout = '8s'")
        served.sql("alter index kept rename to vehicle_images_one_hash")
        served.sql("create unique index vehicle_images_one_primary on vehicle_images (vehicle_id) where is_primary")
        served.sql("alter table vehicles drop column wheels")
        served.reload_schema()
    assert wrong(found) == {
        "our SQL": Health.WARN,
        "statement timeout": Health.WARN,
        "indexes": Health.WARN,
    }
    assert found["indexes"].text == "none for one primary image in a vehicle"
    assert "columns have changed" in found["our SQL"].text


async def test_storage_that_does_not_answer_is_one_finding(production: Project) -> None:
    production.gateway.fault(r" /storage/v1/", Answer(500, {"message": "broken"}), times=None)
    found = await examined(settings(production))
    assert wrong(found) == {"bucket": Health.FAIL, "our SQL": Health.WARN}


async def test_a_project_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PATIENCE", 0.5)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        known = Settings(store="supabase", supabase_url=url, supabase_key=Secret("sb_secret_hush"))
        found = await examined(known)
    assert wrong(found) == {"project": Health.FAIL}
    assert "cannot be reached" in found["project"].text


@pytest.mark.parametrize(
    ("url", "key", "says"),
    [
        ("", "sb_secret_hush", "SUPABASE_URL"),
        ("https://a.example", "", "SUPABASE_SERVICE_ROLE_KEY"),
        ("https://a.example/path", "sb_secret_hush", "path"),
        ("nonsense", "sb_secret_hush", "address"),
        ("https://a.example", "sb_secret_hush hush", "white space"),
    ],
)
async def test_settings_that_lead_nowhere(url: str, key: str, says: str) -> None:
    found = await examined(Settings(store="supabase", supabase_url=url, supabase_key=Secret(key)))
    assert set(found) == {"settings"}
    assert says in found["settings"].text


async def test_examining_goes_by_the_address_of_the_store(production: Project) -> None:
    known = settings(production)
    assert {f.subject async for f in examine(known.store, known)} >= {"project", "key", "bucket"}
