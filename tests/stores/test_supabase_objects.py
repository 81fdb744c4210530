"""Objects in a real bucket: whole, once, under their URL, or for one reason not."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

import httpx
import pytest
import pytest_asyncio
from storage3.types import CreateOrUpdateBucketOptions

from tests.support.stack import Answer, Cut, Project, storage_refusal
from tests.support.stack.faults import Act
from tests.support.web import jpeg
from tests.support.wire import Watched, connected
from tui.model import BUCKET, Reason, Refusal
from tui.stores.supabase import objects
from tui.stores.supabase.connection import Connection
from tui.stores.supabase.faults import ProjectError
from tui.stores.supabase.objects import Bucket

PATH = "v/external_import/external_import_1.jpg"
UPLOAD = "POST /storage/v1/object"


@pytest.fixture
def project(production: Project) -> Project:
    return production


@pytest.fixture
def waits() -> Watched:
    return Watched()


@pytest_asyncio.fixture
async def connection(project: Project, waits: Watched) -> AsyncIterator[Connection]:
    async with connected(project, waits=waits) as connection:
        yield connection


async def put(connection: Connection, content: bytes = b"bytes", mime_type: str = "image/jpeg") -> str:
    return await objects.put(connection, PATH, io.BytesIO(content), mime_type)


@pytest.mark.parametrize("key", ["service_key", "secret_key"])
async def test_an_object_opens_under_its_url(project: Project, key: str) -> None:
    async with connected(project, getattr(project, key)) as connection:
        for content in (jpeg(1), jpeg(2)):
            url = await put(connection, content)
            async with httpx.AsyncClient() as anybody:
                answer = await anybody.get(url)
            assert answer.content == content
            assert answer.headers["Content-Type"] == "image/jpeg"
    assert url == f"{project.url}/storage/v1/object/public/{BUCKET}/{PATH}"
    assert list(project.objects().values()) == [jpeg(2)]


async def test_a_spooled_file_is_sent_whole_and_stays_in_memory(project: Project, connection: Connection) -> None:
    content = bytes(range(256)) * 2_000
    with SpooledTemporaryFile(max_size=2**20) as file:
        file.write(content)
        assert await objects.put(connection, PATH, cast("BinaryIO", file), "image/png")
        assert not file._rolled  # type: ignore[attr-defined]
        assert not file.closed
    assert list(project.objects().values()) == [content]


PASSING: dict[str, tuple[Act, str]] = {
    "slow down": (storage_refusal(429, "SlowDown"), "asks for fewer uploads at once"),
    "too many requests": (storage_refusal(429, "too_many_connections"), "asks for fewer requests at once (HTTP 429)"),
    "no database": (storage_refusal(544, "DatabaseTimeout"), "has no free connection to its database"),
    "another writer": (storage_refusal(423, "ResourceLocked"), "is writing the same object for somebody else"),
    "broken": (storage_refusal(500, "InternalError", "oops"), "answers 500 (oops)"),
    "503": (Answer(503), "answers 503 (Service Unavailable)"),
    "504 in HTML": (Answer(504, "<title>Gateway time-out</title>"), "answers 504 (Gateway Timeout)"),
    "cut": (Cut(), "cut the connection"),
    "cut in mid-upload": (Cut("request"), "cut the connection"),
    "reset in mid-upload": (Cut("request", reset=True), "cut the connection"),
    "cut when all is done": (Cut("after"), "cut the connection"),
}


@pytest.mark.parametrize("name", PASSING)
async def test_an_upload_is_tried_again_from_its_beginning(
    project: Project, connection: Connection, waits: Watched, name: str
) -> None:
    act, reason = PASSING[name]
    content = b"x" * 300_000
    project.gateway.fault(UPLOAD, act)
    assert await put(connection, content)
    assert [seen.partition(";")[0] for seen in waits.seen] == [f"the project {reason}"]
    assert list(project.objects().values()) == [content]


@pytest.mark.parametrize("answer", [storage_refusal(409, "KeyAlreadyExists", error="Duplicate"), Answer(409)])
async def test_an_object_that_another_worker_has_just_written_is_there(
    project: Project, connection: Connection, answer: Answer
) -> None:
    project.gateway.fault(UPLOAD, answer)
    assert await put(connection) == f"{project.url}/storage/v1/object/public/{BUCKET}/{PATH}"


async def test_the_rules_of_the_bucket_refuse_one_object_for_good(connection: Connection) -> None:
    rules: CreateOrUpdateBucketOptions = {"public": True, "allowed_mime_types": ["image/jpeg"], "file_size_limit": 20}
    await connection.call(lambda client: client.storage.update_bucket(BUCKET, rules))
    assert await objects.bucket(connection) == Bucket(public=True, size_limit=20, mime_types=("image/jpeg",))
    with pytest.raises(Refusal, match="the bucket vehicle-images takes no image/webp") as refused:
        await put(connection, mime_type="image/webp")
    assert refused.value.reason is Reason.UNSUPPORTED_FORMAT
    with pytest.raises(Refusal, match="more than the bucket vehicle-images takes") as refused:
        await put(connection, b"x" * 21)
    assert refused.value.reason is Reason.TOO_LARGE
    assert not refused.value.reason.retry_may_help
    assert await put(connection)


@pytest.mark.parametrize(
    "answer",
    [
        storage_refusal(413, "EntityTooLarge", "The object exceeded the maximum allowed size"),
        Answer(413, "<title>413 Request Entity Too Large</title>"),
        Answer(413),
    ],
)
async def test_too_large_is_understood_from_whoever_says_it(
    project: Project, connection: Connection, answer: Answer
) -> None:
    project.gateway.fault(UPLOAD, answer)
    with pytest.raises(Refusal) as refused:
        await put(connection)
    assert refused.value.reason is Reason.TOO_LARGE


OF_OLD = {"statusCode": "403", "error": "Unauthorized"}
STOPS: dict[str, tuple[Answer, str]] = {
    "edge": (Answer(403, "<title>Just a moment...</title>"), 'an edge that answers the page "Just a moment"'),
    "RLS": (storage_refusal(403, "AccessDenied", "new row violates row-level security policy"), "keeps this key from"),
    "RLS of old": (Answer(400, OF_OLD | {"message": "new row violates"}), "keeps this key from"),
    "key of old": (Answer(400, OF_OLD | {"message": "jwt expired"}), "its key has expired"),
    "key": (storage_refusal(401, "InvalidJWT", "Invalid Compact JWS"), "does not take the key"),
    "disk": (storage_refusal(500, "InternalError", "ENOSPC: no space left on device, write"), "no room left for obj"),
    "quota": (Answer(402, {"message": "exceed_storage_size_quota"}), "is restricted (exceed_storage_size_quota)"),
    "full": (Answer(507), "has no room left for objects"),
    "paused": (Answer(540), "is paused"),
}


@pytest.mark.parametrize("name", STOPS)
async def test_what_stops_every_upload_is_a_sentence(
    project: Project, connection: Connection, waits: Watched, name: str
) -> None:
    answer, sentence = STOPS[name]
    project.gateway.fault(UPLOAD, answer, times=None)
    with pytest.raises(ProjectError) as caught:
        await put(connection)
    assert sentence in str(caught.value)
    assert waits.slept == []


async def test_a_key_without_the_right_to_upload_is_told(project: Project) -> None:
    async with connected(project, project.anon_key) as connection:
        with pytest.raises(ProjectError, match="keeps this key from objects in the bucket vehicle-images"):
            await put(connection)


async def test_read_only_uploads_nothing(project: Project) -> None:
    async with connected(project, read_only=True) as connection:
        with pytest.raises(ProjectError, match="open read-only"):
            await put(connection)
        assert await objects.bucket(connection)
    assert project.objects() == {}


@pytest.mark.parametrize("path", ["../x", "/x", "a//b", "a/./b", "a/../../b", "", "ü.jpg", "a\\b", "a\nb", "a%2fb"])
async def test_an_object_stays_in_its_bucket(connection: Connection, path: str) -> None:
    with pytest.raises(ValueError, match="not an object path"):
        await objects.put(connection, path, io.BytesIO(b""), "image/jpeg")


async def test_a_missing_bucket_is_made(connection: Connection) -> None:
    assert await objects.bucket(connection) == Bucket(public=True, size_limit=None, mime_types=())
    await connection.call(lambda client: client.storage.delete_bucket(BUCKET))
    assert await objects.bucket(connection) is None
    with pytest.raises(ProjectError, match="has no bucket vehicle-images: create it with `backfill-tui doctor --fix`"):
        await put(connection)
    await objects.create_bucket(connection)
    await objects.create_bucket(connection)
    assert await objects.bucket(connection) == Bucket(public=True, size_limit=None, mime_types=())
    assert await put(connection)


@pytest.mark.parametrize(
    ("rules", "takes"),
    [((), True), (("image/jpeg",), True), (("image/*",), True), (("image/jpg", "image/png"), False)],
)
def test_a_bucket_knows_what_it_takes(rules: tuple[str, ...], takes: bool) -> None:
    assert Bucket(public=True, size_limit=None, mime_types=rules).takes("image/jpeg") is takes
