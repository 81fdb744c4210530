from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from tests.support.sidecar import our_sql
from tests.support.stack import Answer, Project
from tui.cli import main

NEEDING = """
SELECT COUNT(*) as vehicles_needing_backfill
FROM vehicles v
WHERE v.is_public = true
  AND v.origin_metadata->>'image_urls' IS NOT NULL
  AND (
    SELECT COUNT(*)
    FROM vehicle_images vi
    WHERE vi.vehicle_id = v.id
  ) = 0;
"""
BACKFILLED = """
SELECT COUNT(*) as vehicles_backfilled
FROM vehicles v
WHERE v.is_public = true
  AND (v.origin_metadata->>'images_backfilled')::boolean = true;
"""
VEHICLES = """
insert into businesses (business_name) values ('Gulf Motorcars');
insert into vehicles (make, model, is_public, origin_organization_id, origin_metadata)
select 'Porsche', n::text, n % 7 <> 0, (select id from businesses), case
  when n % 5 = 0 then '{}'
  when n % 11 = 0 then '{"image_urls": []}'
  else jsonb_build_object('image_urls', jsonb_build_array('https://a.example/' || n || '.jpg')) end
from generate_series(1, 60) n;
"""
EDITS = """
update vehicles set origin_metadata = origin_metadata || '{"images_backfilled": true}' where model in ('1', '2', '3');
insert into vehicle_images (vehicle_id, image_url, source)
select id, 'https://b.example/1.jpg', 'external_import' from vehicles where model in ('2', '3', '4');
delete from vehicles where model = '6';
"""


@pytest.fixture(params=["plain", "served"])
def project(request: pytest.FixtureRequest, production: Project) -> Iterator[Project]:
    """A project without our SQL, and one with it."""
    with our_sql(production) if request.param == "served" else nullcontext():
        yield production


@pytest.fixture(autouse=True)
def _at(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.toml").touch()
    monkeypatch.setenv("BACKFILL_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("SUPABASE_URL", project.url)
    monkeypatch.setenv("SUPABASE_SECRET_KEY", project.secret_key)
    monkeypatch.delenv("SUPABASE_SERVICE_ROLE_KEY", raising=False)
    monkeypatch.chdir(tmp_path)


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main([*words, "--json"]) == 0
    answered: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answered


def test_status_agrees_with_the_monitoring_sql_whatever_others_edit(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    for edit in ("", VEHICLES, EDITS):
        project.psql(edit)
        status = answer(capsys, "status")
        assert status["vehicles_needing_backfill"] == int(project.psql(NEEDING, "-At"))
        assert status["vehicles_backfilled"] == int(project.psql(BACKFILLED, "-At"))
    (gulf,) = answer(capsys, "orgs")["organizations"]
    assert (gulf["name"], gulf["vehicles_needing_backfill"]) == ("Gulf Motorcars", status["vehicles_needing_backfill"])
    assert answer(capsys, "vehicles", "--organization-id", gulf["id"])["total"] == 59


def test_a_dry_run_read_only_writes_nothing(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.psql(VEHICLES)
    before = project.value("select md5(string_agg(v::text, '' order by id)) from vehicles v")
    assert answer(capsys, "run", "--dry-run", "--read-only")["processed"] > 30
    assert project.value("select md5(string_agg(v::text, '' order by id)) from vehicles v") == before
    assert {logged.method for logged in project.gateway.log} <= {"GET", "HEAD", "POST"}


def test_what_a_store_wants_to_be_known_is_told_once_on_stderr(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status"]) == 0
    out, err = capsys.readouterr()
    assert "schema" not in out
    served = project.value("select to_regclass('image_backfill_about') is not null")
    assert err.count("backfill-tui schema") == (0 if served else 1)


def test_a_failure_is_an_object_where_json_was_asked_for(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.gateway.fault(r" /rest/v1/", Answer(401, {"message": "Invalid API key"}), times=None)
    assert main(["status", "--json"]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out) == {"success": False, "error": err.removeprefix("backfill-tui: ").strip()}
