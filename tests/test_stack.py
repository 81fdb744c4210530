"""The real servers that other tests run against: they are what they claim to be, and fail as they are told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
import pytest_asyncio
from supabase import AsyncClient, AsyncClientOptions, acreate_client

from tests.support.stack.faults import Answer, Cut, Delay, Hold, storage_refusal

if TYPE_CHECKING:
    from tests.support.stack import Project, Stack

VEHICLES = "/rest/v1/vehicles"
OBJECT = "/storage/v1/object/vehicle-images/v/1.jpg"
PUBLIC = "/storage/v1/object/public/vehicle-images/v/1.jpg"


@pytest_asyncio.fixture
async def http(production: Project) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service role."""
    headers = {"apikey": production.service_key, "Authorization": f"Bearer {production.service_key}"}
    async with httpx.AsyncClient(base_url=production.url, headers=headers, timeout=30) as client:
        yield client


@pytest_asyncio.fixture
async def supabase(production: Project) -> AsyncIterator[AsyncClient]:
    async with httpx.AsyncClient(timeout=30) as client:
        yield await acreate_client(production.url, production.secret_key, AsyncClientOptions(httpx_client=client))


async def insert(http: httpx.AsyncClient, make: str = "Porsche") -> httpx.Response:
    return await http.post(VEHICLES, json={"make": make})


def makes(project: Project) -> list[str]:
    return [make for (make,) in project.sql("select make from vehicles order by created_at")]


async def test_a_select_ends_at_a_thousand_rows(production: Project, http: httpx.AsyncClient) -> None:
    production.sql("insert into vehicles (year) select n from generate_series(1, %s) n", [1500])
    answer = await http.get(VEHICLES, params={"select": "id"}, headers={"Prefer": "count=exact"})
    assert answer.status_code == 206
    assert len(answer.json()) == 1000
    assert answer.headers["Content-Range"] == "0-999/1500"


async def test_anyone_sees_what_is_public_and_writes_nothing(production: Project, http: httpx.AsyncClient) -> None:
    production.sql("insert into vehicles (make, is_public) values ('Porsche', true), ('Hidden', false)")
    key = production.anon_key
    http.headers.update({"apikey": key, "Authorization": f"Bearer {key}"})
    assert [row["make"] for row in (await http.get(VEHICLES)).json()] == ["Porsche"]
    assert (await insert(http)).json()["code"] == "42501"
    assert (await http.delete(VEHICLES, params={"make": "eq.Porsche"})).status_code == 204
    assert production.value("select count(*) from vehicles") == 2


async def test_keys(production: Project) -> None:
    async with httpx.AsyncClient(base_url=production.url) as http:
        none = await http.get(VEHICLES)
        unknown = await http.get(VEHICLES, headers={"apikey": "sb_secret_unknown"})
        expired = await http.get(
            VEHICLES,
            headers={"apikey": production.anon_key, "Authorization": f"Bearer {production.sign('service_role', -60)}"},
        )
        secret = await http.get("/rest/v1/import_queue", headers={"apikey": production.secret_key})
    assert (none.status_code, none.json()["message"]) == (401, "No API key found in request")
    assert (unknown.status_code, unknown.json()["message"]) == (401, "Invalid API key")
    assert (expired.status_code, expired.json()["code"]) == (401, "PGRST301")
    assert (secret.status_code, secret.json()) == (200, [])


async def test_the_service_role_may_not_delete_images(production: Project, http: httpx.AsyncClient) -> None:
    await http.post(OBJECT, content=b"photo")  # the storage server, too, has roles and grants
    answer = await http.delete("/rest/v1/vehicle_images", params={"image_url": "eq.x"})
    assert (answer.status_code, answer.json()["code"]) == (403, "42501")


async def test_an_import_names_its_source(production: Project, http: httpx.AsyncClient) -> None:
    vehicle = (await http.post(VEHICLES, json={}, headers={"Prefer": "return=representation"})).json()[0]["id"]
    row = {"vehicle_id": vehicle, "image_url": "http://x/1.jpg"}
    refused = [await http.post("/rest/v1/vehicle_images", json={**row, "source": s}) for s in (None, "scraper")]
    assert [answer.json()["code"] for answer in refused] == ["23514", "23514"]
    assert (await http.post("/rest/v1/vehicle_images", json={**row, "source": "bat_import"})).status_code == 201


async def test_the_service_role_has_eight_seconds(production: Project) -> None:
    production.sql(
        "create function waits() returns text language sql as $$ select current_setting('statement_timeout') $$"
    )
    production.reload_schema()
    async with httpx.AsyncClient(base_url=production.url, headers={"apikey": production.secret_key}) as http:
        answer = await http.post("/rest/v1/rpc/waits")
    production.sql("drop function waits")
    assert answer.json() == "8s"


async def test_other_shapes(lean: Project, bare: Project) -> None:
    lean.sql("insert into vehicles (make) values ('Porsche')")
    async with httpx.AsyncClient(headers={"apikey": lean.secret_key}) as http:
        assert [row["make"] for row in (await http.get(lean.url + VEHICLES)).json()] == ["Porsche"]
        assert (await http.get(bare.url + VEHICLES)).json() == []


async def test_an_object_comes_back_as_it_was_sent(production: Project, http: httpx.AsyncClient) -> None:
    photo = bytes(range(256)) * 40_000
    assert (await http.post(OBJECT, content=photo, headers={"Content-Type": "image/jpeg"})).status_code == 200
    async with httpx.AsyncClient() as anyone:
        answer = await anyone.get(production.url + PUBLIC)
    assert (answer.content, answer.headers["Content-Type"]) == (photo, "image/jpeg")
    assert production.objects() == {"v/1.jpg": photo}
    again = await http.post(OBJECT, content=photo)
    assert (again.status_code, again.json()["statusCode"], again.json()["error"]) == (400, "409", "Duplicate")


async def test_uploads_of_one_object_at_once(production: Project, http: httpx.AsyncClient) -> None:
    photos = [b"%d" % number * 1000 for number in range(8)]
    upsert = [http.post(OBJECT, content=photo, headers={"x-upsert": "true"}) for photo in photos]
    assert [answer.status_code for answer in await asyncio.gather(*upsert)] == [200] * 8
    assert production.objects()["v/1.jpg"] in photos
    insert = [http.post(OBJECT.replace("1.jpg", "2.jpg"), content=photo) for photo in photos]
    assert sorted(answer.status_code for answer in await asyncio.gather(*insert)) == [200] + [400] * 7


async def test_the_name_of_an_object_is_plain(production: Project, http: httpx.AsyncClient) -> None:
    answer = await http.post(OBJECT.replace("1.jpg", "ü.jpg"), content=b"photo")
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidKey")


async def test_a_clear_leaves_a_bucket_and_nothing_in_it(production: Project, http: httpx.AsyncClient) -> None:
    await insert(http)
    await http.post(OBJECT, content=b"photo")
    await http.post("/storage/v1/bucket", json={"name": "another"})
    production.gateway.fault("", Answer(503))
    production.clear()
    assert production.gateway.log == []
    assert production.objects() == {}
    assert [bucket["name"] for bucket in (await http.get("/storage/v1/bucket")).json()] == ["vehicle-images"]
    assert (await http.get(VEHICLES)).json() == []
    assert (await http.post(OBJECT, content=b"photo")).status_code == 200


async def test_supabase_py(production: Project, supabase: AsyncClient) -> None:
    await supabase.table("vehicles").insert({"make": "Porsche"}).execute()
    assert (await supabase.table("vehicles").select("make").execute()).data == [{"make": "Porsche"}]
    bucket = supabase.storage.from_("vehicle-images")
    await bucket.upload("v/1.jpg", b"photo", {"content-type": "image/jpeg", "upsert": "true"})
    assert await bucket.download("v/1.jpg") == b"photo"
    assert production.objects() == {"v/1.jpg": b"photo"}


async def test_psql(production: Project) -> None:
    assert production.psql("select 6 * 7", "-At") == "42\n"
    with pytest.raises(RuntimeError, match='relation "nothing" does not exist'):
        production.psql("select * from nothing")


async def test_a_test_that_blocks_its_loop_is_answered(production: Project) -> None:
    answer = httpx.get(production.url + VEHICLES, headers={"apikey": production.secret_key})  # noqa: ASYNC210
    assert answer.json() == []


async def test_a_canned_answer_comes_so_many_times(production: Project, http: httpx.AsyncClient) -> None:
    slow_down = Answer(429, {"message": "slow down"}, {"Retry-After": "7"})
    fault = production.gateway.fault("^POST /rest/v1/vehicles", slow_down, times=2)
    answers = [await http.get(VEHICLES), await insert(http, "A"), await insert(http, "B"), await insert(http, "C")]
    assert [answer.status_code for answer in answers] == [200, 429, 429, 201]
    assert (answers[1].json(), answers[1].headers["Retry-After"]) == ({"message": "slow down"}, "7")
    assert makes(production) == ["C"]
    assert [(logged.method, logged.status, logged.fault) for logged in production.gateway.log[:2]] == [
        ("GET", 200, None),
        ("POST", 429, fault),
    ]


async def test_answers_of_the_edge_and_of_storage(production: Project, http: httpx.AsyncClient) -> None:
    production.gateway.fault("/storage/v1/", Answer(403, "<html>Forbidden</html>"))
    production.gateway.fault("/storage/v1/", storage_refusal(503, "DatabaseConnectionLimit"))
    production.gateway.fault("/storage/v1/", storage_refusal(544, "DatabaseTimeout"))
    edge, busy, timeout = [await http.post(OBJECT, content=b"photo") for _ in range(3)]
    assert (edge.status_code, edge.headers["Content-Type"]) == (403, "text/html; charset=utf-8")
    assert (busy.status_code, busy.json()["statusCode"]) == (400, "503")
    assert (timeout.status_code, timeout.json()["code"]) == (544, "DatabaseTimeout")
    assert production.objects() == {}


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(("when", "applied"), [("before", []), ("request", []), ("after", ["A"]), ("answer", ["A"])])
async def test_a_cut_connection(
    production: Project, http: httpx.AsyncClient, when: Any, applied: list[str], reset: bool
) -> None:
    production.gateway.fault("^POST", Cut(when, reset))
    with pytest.raises(httpx.TransportError):
        await http.post(VEHICLES, json={"make": "A"}, headers={"Prefer": "return=representation"})
    assert makes(production) == applied
    assert (await insert(http, "B")).status_code == 201


async def test_a_gateway_timeout_after_the_write(production: Project, http: httpx.AsyncClient) -> None:
    production.gateway.fault("^POST", Answer(504, when="after"))
    assert (await insert(http)).status_code == 504
    assert makes(production) == ["Porsche"]


@pytest.mark.parametrize(("act", "applied"), [(Hold(), []), (Hold("after"), ["Porsche"])])
async def test_a_held_request(production: Project, http: httpx.AsyncClient, act: Hold, applied: list[str]) -> None:
    fault = production.gateway.fault("^POST", act)
    held = asyncio.create_task(insert(http))
    async with asyncio.timeout(10):
        while fault.hits == 0 or makes(production) != applied:  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.01)
    assert not held.done()
    act.release()
    assert (await held).status_code == 201
    assert makes(production) == ["Porsche"]


async def test_a_reset_leaves_no_late_writer(production: Project, http: httpx.AsyncClient) -> None:
    fault = production.gateway.fault("^POST", Hold())
    held = asyncio.create_task(insert(http))
    async with asyncio.timeout(10):
        while fault.hits == 0:  # noqa: ASYNC110 - another thread does it
            await asyncio.sleep(0.01)
    production.clear()
    with pytest.raises(httpx.TransportError):
        await held
    assert makes(production) == []


async def test_a_delayed_request(production: Project, http: httpx.AsyncClient) -> None:
    production.gateway.fault("^POST", Delay(30))
    with pytest.raises(httpx.ReadTimeout):
        await http.post(VEHICLES, json={}, timeout=httpx.Timeout(30, read=0.05))
    assert makes(production) == []


async def test_chance_is_the_same_again(production: Project, http: httpx.AsyncClient) -> None:
    async def struck() -> list[int]:
        production.gateway.reset()
        production.gateway.fault("GET", Answer(503), times=None, chance=0.5, seed=3)
        return [(await http.get(VEHICLES)).status_code for _ in range(20)]

    first = await struck()
    assert set(first) == {200, 503}
    assert await struck() == first


async def test_a_url_that_no_server_takes(production: Project, http: httpx.AsyncClient) -> None:
    answer = await http.get(VEHICLES, params={"id": f"in.({'0' * 9000})"})
    assert answer.status_code == 414
    assert len(production.gateway.requests("^GET /rest/v1/vehicles")[0].path) > 9000


async def test_a_database_that_crashes_comes_back(stack: Stack, production: Project, http: httpx.AsyncClient) -> None:
    await insert(http)
    await http.post(OBJECT, content=b"photo")
    with stack.database_down("immediate"):
        assert (await insert(http)).status_code == 503
    assert (await insert(http, "After")).status_code == 201
    assert (await http.get(PUBLIC)).content == b"photo"
    assert makes(production) == ["Porsche", "After"]


def test_a_project_of_ones_own(stack: Stack) -> None:
    with pytest.raises(psycopg.errors.SyntaxError):
        stack.project("own", "create nonsense")
    project = stack.project("own", "create table things (name text)")
    project.sql("insert into things values ('a')")
    assert httpx.get(f"{project.url}/rest/v1/things", headers={"apikey": project.secret_key}).json() == [{"name": "a"}]
    project.sql("alter table things add column size integer; notify pgrst, 'reload schema'")
    project.reload_schema()
    assert httpx.get(f"{project.url}/rest/v1/things?select=size", headers={"apikey": project.secret_key}).json() == [
        {"size": None}
    ]
    stack.drop(project)
    with pytest.raises(psycopg.OperationalError):
        project.sql("select 1")
