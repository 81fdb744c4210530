"""What a connection waits out, where it stops, and what it says."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import ssl
import traceback
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
import pytest_asyncio
from postgrest.types import CountMethod

from tests.support.stack import Answer, Cut, Hold, Project, Stack
from tests.support.stack.cluster import ShutdownMode
from tests.support.stack.faults import Act
from tests.support.wire import Watched, connected
from tui.settings import Secret
from tui.stores import LeaseLost, StoreError
from tui.stores.supabase.connection import CONNECTIONS, Connection
from tui.stores.supabase.faults import FEW, ProjectError, judge_network
from tui.stores.supabase.waits import Waits

FUNCTIONS = """
create or replace function fail(state text) returns void language plpgsql as $$
begin raise exception 'as told' using errcode = state; end $$;
create or replace function doze() returns void language sql as 'select pg_sleep(30)';
create or replace function add(a integer, b integer) returns jsonb language sql
  as 'select jsonb_build_object(''sum'', $1 + $2)';
"""


@pytest.fixture
def project(production: Project) -> Project:
    if production.value("select to_regprocedure('fail(text)') is null"):
        production.sql(FUNCTIONS)
        production.reload_schema()
    return production


@pytest.fixture
def waits() -> Watched:
    return Watched()


@pytest_asyncio.fixture
async def connection(project: Project, waits: Watched) -> AsyncIterator[Connection]:
    async with connected(project, waits=waits) as connection:
        yield connection


async def count(connection: Connection, patience: float | None = None) -> int | None:
    answer = await connection.ask(
        lambda c: c.table("vehicles").select("id", count=CountMethod.exact), patience=patience
    )
    return answer.count


async def stopped(connection: Connection, patience: float | None = None) -> ProjectError:
    with pytest.raises(ProjectError) as caught:
        await count(connection, patience)
    return caught.value


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - it comes true in another thread
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("key", ["service_key", "secret_key"])
async def test_both_kinds_of_service_keys_read_and_write(project: Project, key: str) -> None:
    async with connected(project, getattr(project, key)) as connection:
        await connection.ask(lambda client: client.table("vehicles").insert({"year": 1990}))
        assert await count(connection) == 1
        assert await connection.rpc("add", {"a": 2, "b": 3}) == {"sum": 5}


async def test_what_passes_is_waited_out_with_a_visible_reason(
    project: Project, connection: Connection, waits: Watched
) -> None:
    project.gateway.fault("vehicles", Answer(503), times=3)
    assert await count(connection) == 0
    assert len(project.gateway.requests("vehicles")) == 4
    assert all(0 < earlier < later < 4 for earlier, later in zip(waits.slept, waits.slept[1:], strict=False))
    assert {re.sub(r"\d+ s$", "_ s", seen) for seen in waits.seen} == {
        "the project answers 503 (Service Unavailable); trying again in _ s"
    }
    assert connection.trouble == ""


PASSING: dict[str, tuple[Act, str]] = {
    "HTML from the edge": (Answer(502, "<html><title>Bad gateway</title></html>"), "answers 502 (Bad Gateway)"),
    "408": (Answer(408), "answers 408 (Request Timeout)"),
    "429": (Answer(429), "asks for fewer requests at once (HTTP 429)"),
    "520": (Answer(520), "answers 520"),
    "524": (Answer(524), "answers 524"),
    "544": (Answer(544, {"message": "connection timeout"}), "answers 544"),
    "500 without a code": (Answer(500, {"message": "oops"}), "answers 500 (oops)"),
    "no database": (Answer(503, {"code": "PGRST000", "message": "x"}), "has no connection to its database"),
    "cache reload": (Answer(503, {"code": "PGRST002", "message": "x"}), "is loading its schema"),
    "pool": (Answer(504, {"code": "PGRST003", "message": "x"}), "has no free connection to its database"),
    "restart": (Answer(500, {"code": "57P01", "message": "x"}), "is restarting its database"),
    "deadlock": (Answer(409, {"code": "40P01", "message": "x"}), "is writing the same rows for somebody else"),
    "cut before the request": (Cut(), "cut the connection"),
    "cut in the answer": (Cut("answer"), "cut the connection"),
    "reset": (Cut("before", reset=True), "cut the connection"),
}


@pytest.mark.parametrize("name", PASSING)
async def test_every_fault_that_passes_is_a_wait(
    project: Project, connection: Connection, waits: Watched, name: str
) -> None:
    act, reason = PASSING[name]
    project.gateway.fault("vehicles", act)
    assert await count(connection) == 0
    assert [seen.partition(";")[0] for seen in waits.seen] == [f"the project {reason}"]


@pytest.mark.parametrize("when", ["request", "after", "answer"])
async def test_a_write_cut_off_at_any_point_is_applied_once(
    project: Project, connection: Connection, when: str
) -> None:
    project.gateway.fault("POST", Cut(when))  # type: ignore[arg-type]
    row = {"id": str(uuid.uuid4()), "year": 1967}
    await connection.ask(lambda client: client.table("vehicles").upsert(row))
    assert project.sql("select year from vehicles") == [(1967,)]


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_no_try_comes_sooner_than_the_project_asked(
    project: Project, connection: Connection, waits: Watched, form: str
) -> None:
    later = datetime.now(UTC) + timedelta(seconds=60)
    header = "57" if form == "seconds" else format_datetime(later, usegmt=True)
    project.gateway.fault("vehicles", Answer(429, headers={"Retry-After": header}))
    assert await count(connection) == 0
    assert len(waits.slept) == 1
    assert 50 < waits.slept[0] <= 62


async def test_patience_ends_in_one_sentence(project: Project, connection: Connection, waits: Watched) -> None:
    project.gateway.fault("vehicles", Answer(503), times=None)
    error = await stopped(connection)
    assert 270 < sum(waits.slept) <= 300
    assert re.fullmatch(
        rf"The project {project.url} answers 503 \(Service Unavailable\), and still did after 5 min: "
        r"see whether it is healthy, then go on; all that is written is safe\.",
        str(error),
    )
    assert (error.code, error.status) == ("http 503", 503)
    assert connection.trouble == ""


async def test_patience_can_be_short(project: Project, connection: Connection, waits: Watched) -> None:
    project.gateway.fault("vehicles", Answer(503), times=None)
    await stopped(connection, patience=2)
    assert sum(waits.slept) <= 2
    project.gateway.reset()
    waits.slept.clear()
    project.gateway.fault("vehicles", Answer(429, headers={"Retry-After": "600"}))
    await stopped(connection)
    assert waits.slept == []


async def test_short_patience_holds_against_silence(project: Project) -> None:
    project.gateway.fault("vehicles", Hold(), times=None)
    async with connected(project) as connection:
        error = await stopped(connection, patience=20)
    assert "gives no answer within 20 s" in str(error)


async def test_what_took_the_time_is_told_when_the_last_try_was_cut_short(project: Project) -> None:
    project.gateway.fault("vehicles", Answer(503))
    project.gateway.fault("vehicles", Hold(), times=None)
    async with connected(project, waits=Waits(scale=0.1)) as connection:
        error = await stopped(connection, patience=20)
    assert re.search(r"answers 503 \(Service Unavailable\), and still did after 2\d s", str(error))


async def test_a_request_that_always_takes_too_long_is_given_up(
    project: Project, connection: Connection, waits: Watched
) -> None:
    project.sql("alter role service_role set statement_timeout = '20ms'")
    try:
        project.reload_schema()
        with pytest.raises(ProjectError, match="stopped a statement that took longer than it allows") as caught:
            await connection.rpc("doze")
    finally:
        project.sql("alter role service_role set statement_timeout = '8s'")
        project.reload_schema()
    assert caught.value.code == "57014"
    assert len(waits.slept) == FEW - 1


STOPS = {
    "RLS": ("42501", "keeps this key from the function fail (as told)"),
    "disk": ("53100", "has no room left on its database's disk"),
    "rule": ("23514", "refuses what was asked of the function fail (as told)"),
    "table": ("42P01", "does not have the function fail (as told)"),
}


@pytest.mark.parametrize("name", STOPS)
async def test_what_does_not_pass_is_a_sentence_at_once(connection: Connection, waits: Watched, name: str) -> None:
    state, sentence = STOPS[name]
    with pytest.raises(ProjectError, match=re.escape(sentence)) as caught:
        await connection.rpc("fail", {"state": state})
    assert caught.value.code == state
    assert caught.value.said == "as told"
    assert waits.slept == []


async def test_a_lost_lease_is_named(connection: Connection) -> None:
    with pytest.raises(LeaseLost):
        await connection.rpc("fail", {"state": "BF001"})


EDGES = {
    "edge": (Answer(403, "<html><title>Sorry, you\n have been blocked</title>"), 'page "Sorry, you have been blocked"'),
    "another site": (Answer(200, "<html><body>It <b>works</b>!</body>"), 'the page "It works !" (HTTP 200)'),
    "plain words": (Answer(200, "hello"), 'answers the page "hello" (HTTP 200), not as Supabase does'),
    "elsewhere": (Answer(404, "<html><title>Not Found</title>"), 'answers the page "Not Found" (HTTP 404)'),
    "redirect": (
        Answer(308, headers={"Location": "https://x.example/?a=b"}),
        "sends everybody on to https://x.example",
    ),
    "paused": (Answer(540), "is paused: restore it in the dashboard"),
    "restricted": (Answer(402, {"message": "exceed_egress_quota"}), "is restricted (exceed_egress_quota)"),
    "expired": (Answer(401, {"code": "PGRST301", "message": "JWT expired"}), "its key has expired"),
    "route": (Answer(404, {"message": "no Route matched"}), "has nothing at the table vehicles (no Route matched)"),
}


@pytest.mark.parametrize("name", EDGES)
async def test_whatever_stands_in_between_is_shown_and_not_asked_again(
    project: Project, connection: Connection, name: str
) -> None:
    answer, sentence = EDGES[name]
    project.gateway.fault("vehicles", answer, times=None)
    assert sentence in str(await stopped(connection))
    assert len(project.gateway.requests("vehicles")) == 1


async def test_a_key_that_may_too_little_is_told_from_a_wrong_one(project: Project) -> None:
    async with connected(project, project.anon_key) as connection:
        with pytest.raises(ProjectError, match="keeps this key from the table vehicles") as caught:
            await connection.ask(lambda client: client.table("vehicles").insert({"year": 1990}))
        assert caught.value.code == "42501"
    async with connected(project, "sb_secret_of_another_project") as connection:
        with pytest.raises(ProjectError, match=r"does not take the key \(Invalid API key\)") as caught:
            await count(connection)
        assert caught.value.status == 401


async def test_what_is_missing_is_named(connection: Connection) -> None:
    with pytest.raises(ProjectError, match="does not have the table nope"):
        await connection.ask(lambda client: client.table("nope").select("*"))
    with pytest.raises(ProjectError, match=r"lacks a column of the table vehicles \(column vehicles.nope does not"):
        await connection.ask(lambda client: client.table("vehicles").select("nope"))
    with pytest.raises(ProjectError, match=r"does not have the function nope .* install the SQL"):
        await connection.rpc("nope")


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_restart_of_the_database_is_lived_through(project: Project, stack: Stack, mode: ShutdownMode) -> None:
    async with connected(project, waits=Waits(scale=0.2)) as connection:
        assert await count(connection) == 0
        await asyncio.to_thread(stack.stop_database, mode)
        calls = [asyncio.create_task(count(connection)) for _ in range(8)]
        await until(lambda: bool(connection.trouble))
        await asyncio.to_thread(stack.start_database)
        assert await asyncio.gather(*calls) == [0] * 8
        assert connection.trouble == ""


async def test_a_reload_of_the_schema_cache_is_not_noticed(project: Project, connection: Connection) -> None:
    reload = asyncio.create_task(asyncio.to_thread(project.reload_schema))
    while not reload.done():
        assert await count(connection) == 0
    await reload


async def test_as_many_calls_as_lanes_go_at_once(project: Project, connection: Connection) -> None:
    hold = Hold()
    project.gateway.fault("vehicles", hold, times=None)
    calls = [asyncio.create_task(count(connection)) for _ in range(64)]
    await until(lambda: len(project.gateway.requests("vehicles")) == 64)
    hold.release()
    assert await asyncio.gather(*calls) == [0] * 64
    assert CONNECTIONS > 64


async def test_the_newest_trouble_is_shown_until_its_service_answers(project: Project, connection: Connection) -> None:
    gate = asyncio.Event()

    class Gated(Waits):
        async def sleep(self, seconds: float) -> None:
            await gate.wait()

    async with connected(project, waits=Gated()) as connection:
        project.gateway.fault("vehicles", Answer(503))
        project.gateway.fault("businesses", Answer(500, {"code": "55P03", "message": "x"}))
        first = asyncio.create_task(count(connection))
        await until(lambda: "503" in connection.trouble)
        second = asyncio.create_task(connection.ask(lambda client: client.table("businesses").select("id")))
        await until(lambda: "rows locked" in connection.trouble)
        await count(connection)
        assert "rows locked" in connection.trouble  # the lock tells nothing about the database
        second.cancel()
        await asyncio.wait([second])
        assert connection.trouble == ""  # the database has answered since the 503
        gate.set()
        assert await first == 0


async def test_a_connection_that_is_closed_says_so(connection: Connection) -> None:
    await connection.close()
    await connection.close()
    assert "was let go of" in str(await stopped(connection))


async def test_read_only_writes_nothing(project: Project) -> None:
    async with connected(project, read_only=True) as connection:
        assert await count(connection) == 0
        assert await connection.rpc("add", {"a": 2, "b": 3}) == {"sum": 5}
        with pytest.raises(ProjectError, match="is open read-only"):
            await connection.ask(lambda client: client.table("vehicles").insert({"year": 1990}))
    assert project.value("select count(*) from vehicles") == 0


ADDRESSES = {
    "": "There is no project to open",
    "abcdefghijklmnopqrst.supabase.co": "has no https:// in front",
    "ftp://abc.example": "is not a web address",
    "https://": "names no host",
    "https://abc.example:99999": "is not a web address",
    "https://abc.example/rest/v1": "has a path: give https://abc.example.",
    "https://abc.example?apikey=hush": "has something behind the host: give https://abc.example.",
    "https://me:hush@abc.example": "has a user name or a password in it: give https://abc.example.",
    "https://supabase.com/dashboard/project/abcdefghijklmnopqrst/editor": "https://abcdefghijklmnopqrst.supabase.co",
    "postgresql://postgres:hush@db.abcdefghijklmnopqrst.supabase.co:5432/postgres": "is the address of a database",
    "eyJhush.hush.hush": "SUPABASE_URL",
}


@pytest.mark.parametrize("address", ADDRESSES)
async def test_an_address_that_cannot_be_one_is_told_what_is_wrong(address: str) -> None:
    with pytest.raises(StoreError) as caught:
        await Connection.open(address, Secret("k"))
    assert ADDRESSES[address] in str(caught.value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("address", [" https://Abc.example/ ", "https://abc.example//"])
async def test_an_address_is_brought_into_form(address: str) -> None:
    connection = await Connection.open(address, Secret(" k\n"))
    assert connection.url == "https://abc.example"
    await connection.close()


@pytest.mark.parametrize("key", ["", "  ", "two words", "ключ", "line\nbreak"])
async def test_a_key_that_cannot_be_one_is_not_sent(key: str) -> None:
    with pytest.raises(StoreError) as caught:
        await Connection.open("https://abc.example", Secret(key))
    assert not key.strip() or key not in str(caught.value)


async def test_a_port_where_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    connection = await Connection.open(f"http://127.0.0.1:{port}", Secret("k"), waits=Watched())
    with pytest.raises(ProjectError, match=r"cannot be reached \(connection refused\), and still did after"):
        await count(connection, patience=8)
    await connection.close()


async def test_a_port_that_speaks_no_tls(project: Project) -> None:
    connection = await Connection.open(project.url.replace("http:", "https:"), Secret("k"))
    assert (await stopped(connection)).code == "tls"
    await connection.close()


def test_a_name_that_never_resolved_is_a_stop_and_one_that_did_is_a_wait() -> None:
    error = httpx.ConnectError("x")
    error.__cause__ = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    assert not judge_network(error, reached=False).passing
    assert judge_network(error, reached=True).passing
    error.__cause__ = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    assert judge_network(error, reached=False).passing


def test_an_untrusted_certificate_is_a_stop() -> None:
    error = httpx.ConnectError("x")
    error.__cause__ = ssl.SSLCertVerificationError(1, "certificate has expired")
    assert (judge_network(error, reached=True).code, judge_network(error, reached=True).passing) == ("tls", False)


FAILURES: dict[str, Callable[[str], Act]] = {
    "refused": lambda key: Answer(401, {"message": "Invalid API key"}),
    "echoed": lambda key: Answer(400, {"message": f"what is {key}?", "details": key}),
    "echoed in a page": lambda key: Answer(403, f"<title>{key}</title>"),
    "cut": lambda key: Cut(),
    "cut in the answer": lambda key: Cut("answer"),
    "silence": lambda key: Hold(),
}


@pytest.mark.parametrize("kind", ["service_key", "secret_key"])
@pytest.mark.parametrize("name", FAILURES)
async def test_the_key_is_nowhere_to_be_read(
    project: Project, caplog: pytest.LogCaptureFixture, name: str, kind: str
) -> None:
    caplog.set_level(logging.DEBUG)
    project.gateway.fault("vehicles", FAILURES[name](getattr(project, kind)), times=None)
    async with connected(project, getattr(project, kind)) as connection:
        error = await stopped(connection, patience=10)
        told = [*traceback.TracebackException.from_exception(error, capture_locals=True).format()]
        told += [repr(error), repr(connection), repr(vars(connection))]
        told += [record.getMessage() for record in caplog.records]
    assert len(told) > 10
    assert not [line for line in told if getattr(project, kind) in line]
