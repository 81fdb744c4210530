"""What may become of one source URL: a verified picture and its row, or one reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import BinaryIO

SOURCE = "external_import"
"""The `vehicle_images.source` of every row written here; the production CHECK admits it."""

BUCKET = "vehicle-images"


class Reason(StrEnum):
    """Why a candidate could not become a stored image."""

    NOT_FOUND = "not_found"
    GONE = "gone"
    FORBIDDEN = "forbidden"
    REJECTED = "rejected"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    DNS = "dns"
    CONNECTION = "connection"
    TLS = "tls"
    REDIRECT_LOOP = "redirect_loop"
    BLOCKED_ADDRESS = "blocked_address"
    OPTED_OUT = "opted_out"
    BAD_URL = "bad_url"
    EMPTY_BODY = "empty_body"
    NOT_AN_IMAGE = "not_an_image"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    TOO_LARGE = "too_large"
    TOO_MANY_PIXELS = "too_many_pixels"
    UNSUPPORTED_FORMAT = "unsupported_format"
    UPLOAD_FAILED = "upload_failed"

    @property
    def words(self) -> str:
        """The reason as every face prints it, e.g. `not found`."""
        return self.value.replace("_", " ")

    @property
    def retry_may_help(self) -> bool:
        """Whether the same request may succeed later."""
        return self in _PASSING

    @property
    def advice(self) -> str:
        """`retry may help` or `no use to retry`."""
        return "retry may help" if self.retry_may_help else "no use to retry"


_PASSING = frozenset(
    {
        Reason.RATE_LIMITED,
        Reason.SERVER_ERROR,
        Reason.TIMEOUT,
        Reason.DNS,
        Reason.CONNECTION,
        Reason.UPLOAD_FAILED,
    }
)


class Refusal(Exception):
    """One URL did not become an image: the reason, a detail for people, and the server's own Retry-After in seconds.

    Where it was not even `asked` for, that says nothing about the URL.
    """

    def __init__(
        self, reason: Reason, detail: str = "", retry_after: float | None = None, *, asked: bool = True
    ) -> None:
        super().__init__(f"{reason.words}: {detail}" if detail else reason.words)
        self.reason = reason
        self.detail = detail
        self.retry_after = retry_after
        self.asked = asked


@dataclass(frozen=True, slots=True)
class StoredImage:
    """A row of `vehicle_images` for one verified image. `position` counts from 0 in candidate order.

    `orientation` is 1 to 8 as EXIF counts, 0 where it is not told; `taken_at` is what EXIF says, with a time zone;
    `perceptual_hash` is 16 hex digits or empty. `similar_to` is the source URL of an earlier image of the vehicle that
    looks the same; a `placeholder` is a picture that its host shows for many vehicles.
    """

    vehicle_id: str
    source_url: str
    storage_path: str
    image_url: str
    file_hash: str  # sha256, hex
    file_size: int
    mime_type: str
    width: int
    height: int
    position: int
    orientation: int = 0
    taken_at: datetime | None = None
    perceptual_hash: str = ""
    similar_to: str = ""
    placeholder: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """What tells a stored image from others; `perceptual_hash` is empty where none is known."""

    vehicle_id: str
    source_url: str
    file_hash: str
    perceptual_hash: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """A tiny picture for terminals: width and height in pixels, and red, green and blue of each, row by row."""

    width: int
    height: int
    rgb: bytes


@dataclass(frozen=True, slots=True)
class Picture:
    """A verified image: its open content (at position 0, closed by whoever asked for it) and what the bytes say.

    `size` and `sha256` are those of the content. `width` and `height` are pixels as the file has them; `orientation`
    (1 to 8 as EXIF counts, 0 where it is not told) says how they are to be turned, and `taken_at` is what EXIF says.
    `perceptual_hash` is 16 hex digits, empty where nothing was decoded, and `preview` is None there.
    """

    content: BinaryIO
    size: int
    sha256: str
    mime_type: str
    extension: str
    width: int
    height: int
    perceptual_hash: str = ""
    preview: Preview | None = None
    orientation: int = 0
    taken_at: datetime | None = None


class Result(StrEnum):
    """How a candidate ended: the first three are final, `deferred` is tried again by a later run."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    DEFERRED = "deferred"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one candidate. `attempts` counts the runs that deferred it, this one included."""

    source_url: str
    host: str
    result: Result
    reason: Reason | None = None
    detail: str = ""
    retry_at: float | None = None
    attempts: int = 0

    @property
    def final(self) -> bool:
        """Whether no later run has to come back to this candidate."""
        return self.result is not Result.DEFERRED


@dataclass(frozen=True, slots=True)
class RefusalGroup:
    """Refused and deferred candidates of one host for one reason."""

    host: str
    reason: Reason
    images: int
    vehicles: int
    example_url: str
    retry_at: float | None = None  # the earliest, where deferred
