"""One snapshot of many workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tui.model import HostPace, Lane, Phase, Snapshot, Workload
from tui.model.fleet import to_come, together, total_of


def merged(
    whole: Snapshot, parts: Sequence[Snapshot], going: Sequence[Snapshot], there: Workload | None = None
) -> Snapshot:
    """A run as `whole`, with the numbers of all its workers; `going` are those of them that go on.

    While it is not over, it stands where they do. No more is to come than was `there` at its start, if that is known.
    """
    phase = whole.phase if whole.phase.over or not going else together([part.phase for part in going])
    tally = total_of(part.tally for part in parts)
    done = sum(part.vehicles_done for part in parts)
    counting = parts if phase.over else going
    vehicles = done + to_come((_vehicles_ahead(part), _limited(part)) for part in counting)
    images = tally.done + to_come((part.images_total - part.tally.done, _limited(part)) for part in counting)
    seen = replace(
        whole,
        run_id=parts[0].run_id if parts else whole.run_id,
        phase=phase,
        vehicles_total=max(done, min(vehicles, there.vehicles)) if there else vehicles,
        vehicles_done=done,
        images_total=max(tally.done, min(images, there.images)) if there else images,
        tally=tally,
        in_flight=sum(part.in_flight for part in going),
        images_per_second=sum(part.images_per_second for part in going),
        bytes_per_second=sum(part.bytes_per_second for part in going),
        lanes=_lanes(going),
        similar=sum(part.similar for part in parts),
        hosts=_hosts(counting),
        trouble=next((part.trouble for part in going if part.trouble), ""),
        workers=max(1, len(going)),
    )
    return _averaged(seen) if phase.over else replace(seen, eta=_eta(seen))


def _hosts(parts: Sequence[Snapshot]) -> tuple[HostPace, ...]:
    """Those that a worker tells of, and it tells of those alone that it has trouble with."""
    told: dict[str, list[HostPace]] = {}
    for pace in (pace for part in parts for pace in part.hosts):
        told.setdefault(pace.host, []).append(pace)
    return tuple(_host(paces, len(parts)) for paces in told.values())


def _host(told: Sequence[HostPace], workers: int) -> HostPace:
    """A host for all workers: in the worst trouble that one of them tells of, until the first of these is out of it.

    Workers that tell nothing of it ask as often as they may.
    """
    worst = max(told, key=lambda pace: (pace.open, pace.wait))
    alike = [pace for pace in told if (pace.open, pace.wait > 0) == (worst.open, worst.wait > 0)]
    calm = [replace(worst, rate=worst.ceiling, in_flight=0)] * (workers - len(told))
    note = worst.note
    if len(alike) < workers:
        note = f"{note or ('held off' if worst.wait else 'narrowed')} for {len(alike)} of {workers} workers"
    return replace(
        worst,
        rate=sum(pace.rate for pace in (*told, *calm)),
        ceiling=sum(pace.ceiling for pace in (*told, *calm)),
        slots=sum(pace.slots for pace in (*told, *calm)),
        in_flight=sum(pace.in_flight for pace in told),
        wait=min(pace.wait for pace in alike),
        note=note,
    )


def _vehicles_ahead(part: Snapshot) -> int:
    return part.vehicles_total - part.vehicles_done


def _limited(part: Snapshot) -> bool:
    return part.vehicles_total >= part.options.limit


def _lanes(parts: Sequence[Snapshot]) -> tuple[Lane, ...]:
    lanes = (lane for part in parts for lane in part.lanes)
    return tuple(replace(lane, slot=slot) for slot, lane in enumerate(lanes))


def _averaged(seen: Snapshot) -> Snapshot:
    span = max(seen.elapsed, 0.001)
    return replace(seen, images_per_second=seen.tally.done / span, bytes_per_second=seen.tally.bytes / span)


def _eta(seen: Snapshot) -> float | None:
    if seen.phase is not Phase.RUNNING or seen.images_per_second <= 0:
        return None
    return (seen.images_total - seen.tally.done) / seen.images_per_second
