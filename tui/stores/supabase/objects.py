"""Objects in the bucket, and the bucket itself."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from tui.model import BUCKET, Reason, Refusal
from tui.stores.supabase.connection import Connection
from tui.stores.supabase.faults import ProjectError

if TYPE_CHECKING:
    from supabase import AsyncClient

_KEY = re.compile(r"[\w/!.*'() &$@=;:+,?-]+", re.ASCII)
"""What Storage takes in a key: https://supabase.com/docs/guides/storage/uploads/file-limits."""

_STORAGE = "storage"
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Bucket:
    """The bucket's own rules: objects up to `size_limit` bytes (None: the project's limit), of `mime_types` (): any."""

    public: bool
    size_limit: int | None
    mime_types: tuple[str, ...]

    def takes(self, mime_type: str) -> bool:
        """Whether objects of a type may lie there; a rule is a whole type or e.g. `image/*`."""
        family = f"{mime_type.partition('/')[0]}/*"
        return not self.mime_types or bool({mime_type, family, "*/*", "*"} & set(self.mime_types))


async def put(connection: Connection, path: str, content: BinaryIO, mime_type: str) -> str:
    """Write an object whole, from its beginning for each try; its public URL.

    Raises ValueError for a path that is no key, `Refusal` where the bucket's rules keep this one object out, and
    ProjectError otherwise. A refusal is final: the same bytes meet the same rule until an operator changes it.
    """
    options: Any = {"content-type": mime_type, "cache-control": "3600", "upsert": "true"}
    path = _checked(path)

    async def attempt(client: AsyncClient) -> str:
        bucket = client.storage.from_(BUCKET)
        content.seek(0)
        await bucket.upload(path, io.BufferedReader(_Content(content), _CHUNK), options)
        return await bucket.get_public_url(path)

    try:
        return await connection.call(attempt, service=_STORAGE)
    except ProjectError as error:
        if error.status != 409:
            raise _refusal(error, mime_type) or error from None
    # Written by another worker at the same moment: the path is a function of what is in it.
    return await connection.call(lambda client: client.storage.from_(BUCKET).get_public_url(path), service=_STORAGE)


def _refusal(error: ProjectError, mime_type: str) -> Refusal | None:
    if error.status == 415:
        return Refusal(Reason.UNSUPPORTED_FORMAT, f"the bucket {BUCKET} takes no {mime_type}")
    if error.status == 413:
        return Refusal(Reason.TOO_LARGE, f"more than the bucket {BUCKET} takes")
    return None


def _checked(path: str) -> str:
    if not _KEY.fullmatch(path) or any(part in ("", ".", "..") for part in path.split("/")):
        raise ValueError(f"not an object path: {path!r}")
    return path


class _Content(io.RawIOBase):
    """Content to be read through `io.BufferedReader`, which supabase-py asks for.

    A spooled file stays in memory then: it would be written to disk by whoever asked for its file number. Closing this
    does not close the content.
    """

    def __init__(self, content: BinaryIO) -> None:
        self._content = content

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._content.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._content.seek(offset, whence)

    def tell(self) -> int:
        return self._content.tell()


async def bucket(connection: Connection, *, patience: float | None = None) -> Bucket | None:
    """The bucket, or None where there is none. Raises ProjectError."""
    try:
        answer = await connection.fetch(f"/storage/v1/bucket/{BUCKET}", service=_STORAGE, patience=patience)
    except ProjectError as error:
        if error.code == "NoSuchBucket":
            return None
        raise
    # Not supabase-py's own model: it insists on fields that not every storage server gives.
    facts = answer.json()
    return Bucket(bool(facts.get("public")), facts.get("file_size_limit"), tuple(facts.get("allowed_mime_types") or ()))


async def create_bucket(connection: Connection) -> None:
    """Make the bucket, open to readers and without rules of its own, unless there is one. Raises ProjectError."""
    try:
        await connection.call(
            lambda client: client.storage.create_bucket(BUCKET, options={"public": True}), service=_STORAGE
        )
    except ProjectError as error:
        if error.status != 409:
            raise
