"""What happens in a run: its options, leases, journal entry, and the snapshot that watchers see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from tui.model.images import Outcome, StoredImage
from tui.model.inventory import Gallery, Scope, Vehicle
from tui.model.problem import Problem

PACES = ("gentle", "normal", "fast", "unlimited")


MOST_BANDWIDTH = 10_000_000_000

OPTION_NAMES = {"batch_size": "batch size", "max_images": "cap per vehicle", "limit": "limit"}
"""What is said for an option that is a number; settings, flags and JSON keep their own names."""

OPTION_BOUNDS = (
    ("batch_size", 1, 1_000),
    ("max_images", 1, 1_000),
    ("limit", 1, 100_000_000),
)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the operator chose; the first four and `bandwidth` can change while the run goes on.

    `bandwidth` is in bytes per second over all hosts; 0 is no limit.
    """

    batch_size: int = 10
    max_images: int = 20
    limit: int = 100
    pace: str = "normal"
    scope: Scope = field(default_factory=Scope)
    dry_run: bool = False
    bandwidth: int = 0

    def __post_init__(self) -> None:
        for name, low, high in OPTION_BOUNDS:
            value = getattr(self, name)
            if not low <= value <= high:
                raise Problem(f"{OPTION_NAMES[name]} must be between {low:,} and {high:,}, not {value:,}.")
        if self.pace not in PACES:
            raise Problem(f"pace must be one of {', '.join(PACES)}, not {self.pace!r}.")
        if not 0 <= self.bandwidth <= MOST_BANDWIDTH:
            raise Problem(f"bandwidth must be between 0 and {MOST_BANDWIDTH:,} bytes per second.")

    def tuned(self, **changes: int | str) -> RunOptions:
        """A copy with some of the tunable options changed; raises Problem on a value out of bounds."""
        return replace(self, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Lease:
    """A vehicle claimed by one worker until a deadline; `token` fences every write made under it.

    `outcomes` are those of earlier runs, `stored` the images it has already (by anyone).
    """

    vehicle: Vehicle
    gallery: Gallery
    token: str
    until: float
    outcomes: tuple[Outcome, ...] = ()
    stored: tuple[StoredImage, ...] = ()


@dataclass(frozen=True, slots=True)
class Settlement:
    """The end of a lease: the outcomes to remember and what the vehicle becomes.

    At most one of `backfilled` and `parked` is true; with neither the vehicle stays claimable from `retry_at` on
    (at once when None).
    """

    outcomes: tuple[Outcome, ...] = ()
    backfilled: bool = False
    parked: bool = False
    retry_at: float | None = None
    run_id: str = ""


class Phase(StrEnum):
    """Where a run stands."""

    STARTING = "starting"
    RUNNING = "running"
    PAUSING = "pausing"  # paused for new requests, some still in flight
    PAUSED = "paused"
    STOPPING = "stopping"  # draining
    FINISHED = "finished"
    STOPPED = "stopped"  # ended by the operator after a drain or a cut
    FAILED = "failed"

    @property
    def over(self) -> bool:
        """Whether the run has ended."""
        return self in (Phase.FINISHED, Phase.STOPPED, Phase.FAILED)


@dataclass(frozen=True, slots=True)
class Tally:
    """Images by how they ended, and the bytes stored."""

    stored: int = 0
    duplicate: int = 0
    refused: int = 0
    deferred: int = 0
    bytes: int = 0
    refusals: Mapping[str, int] = field(default_factory=dict)  # Reason value → refused and deferred images

    @property
    def done(self) -> int:
        """Images that ended in this run."""
        return self.stored + self.duplicate + self.refused + self.deferred


@dataclass(frozen=True, slots=True)
class OrganizationProgress:
    """Vehicles of one organization in a run: done of total."""

    id: str
    name: str
    done: int
    total: int


class Mark(StrEnum):
    """One image of a lane."""

    WAITING = "waiting"
    FETCHING = "fetching"
    STORED = "stored"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    DEFERRED = "deferred"


@dataclass(frozen=True, slots=True)
class Lane:
    """One vehicle in progress. `slot` is its fixed place on screen; `marks` has an entry for each candidate."""

    slot: int
    vehicle_id: str
    title: str
    marks: tuple[Mark, ...]
    host: str = ""
    finished: bool = False


@dataclass(frozen=True, slots=True)
class HostPace:
    """How one host is being treated: its rate in requests/s (inf: none), slots, requests in flight, seconds to wait.

    A `rate` below the `ceiling`, which the settings allow, was narrowed by what the host answered. `open` says that the
    host only failed of late; `wait` is then the time until one request tries whether it is back.
    """

    host: str
    rate: float
    slots: int
    in_flight: int
    wait: float = 0.0
    note: str = ""  # e.g. "429"
    ceiling: float = 0.0
    open: bool = False

    @property
    def narrowed(self) -> bool:
        """Whether the host is asked less often than the settings allow."""
        return self.rate < self.ceiling


@dataclass(frozen=True, slots=True)
class LogLine:
    """Something worth telling about a run."""

    at: float
    text: str
    level: str = "info"  # info, warn, error


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A picture of a run that its host shows for many vehicles, as one that says that photos are to come."""

    host: str
    vehicles: int
    example_url: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole state of a run at one moment, taken by whoever watches; rates over the last seconds, ETA in seconds."""

    run_id: str
    phase: Phase
    options: RunOptions
    elapsed: float = 0.0
    vehicles_total: int = 0
    vehicles_done: int = 0
    images_total: int = 0
    tally: Tally = field(default_factory=Tally)
    in_flight: int = 0
    images_per_second: float = 0.0
    bytes_per_second: float = 0.0
    history: tuple[float, ...] = ()  # images/s, one value a second, oldest first
    eta: float | None = None
    organizations: tuple[OrganizationProgress, ...] = ()
    lanes: tuple[Lane, ...] = ()
    hosts: tuple[HostPace, ...] = ()
    log: tuple[LogLine, ...] = ()
    error: str = ""
    trouble: str = ""  # why the store keeps the run waiting, empty when it does not
    similar: int = 0  # images stored that look like an earlier one of their vehicle
    placeholders: tuple[Placeholder, ...] = ()  # those of most vehicles first
    workers: int = 1  # live workers of this run, this one included


@dataclass(frozen=True, slots=True)
class VehicleResult:
    """One line of a run's results."""

    vehicle_id: str
    vehicle_name: str
    status: str  # dry_run, success, failed, error
    image_urls_count: int
    images_inserted: int
    error: str | None = None


class Wish(StrEnum):
    """What operators want of a run, wherever its workers are."""

    RUN = "run"
    PAUSE = "pause"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Orders:
    """What a worker learns whenever it reports: the wish, and how many live workers the run has, itself included."""

    wish: Wish = Wish.RUN
    workers: int = 1


SILENCE = 12.0
"""Seconds without a report after which a worker that never ended counts as killed."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run in the journal, or one worker's share of it.

    `ended_at` None means that it runs now or that it was killed (see `seen_at`). Of a run with several workers,
    `worker` names them all and the numbers are sums.
    """

    run_id: str
    worker: str
    started_at: float
    seen_at: float
    ended_at: float | None
    phase: Phase
    options: RunOptions
    tally: Tally = field(default_factory=Tally)
    vehicles_done: int = 0
    vehicles_total: int = 0
    error: str = ""
    wish: Wish = Wish.RUN
    workers: int = 1
    images_per_second: float = 0.0
    bytes_per_second: float = 0.0


@dataclass(frozen=True, slots=True)
class Member:
    """A worker of the fleet: its share of its run, how many vehicles it holds now, and the titles of some of them.

    Of one that leaves no reports where this store could read them, the share tells no more than what is wanted of it.
    """

    share: RunRecord
    holding: int = 0
    titles: tuple[str, ...] = ()
    reports: bool = True
