"""How fast images come in, beside the programs that people would use instead, on the same photos from the same host.

    python -m tests.bench.bench_images [peers] [limits] [growth] [memory] [--images N] [--rounds N] [--only PEER]

`peers`: a headless run (local store, pace unlimited, every check on; `--verify structure` beside those that check
nothing; as many processes as the peer is given) and each peer on the PATH take turns; images/s and CPU seconds per
1,000 images as whole programs and once they have started, peak memory of the largest process, and our ratio to each.
`limits`: a host that is 50 ms away, one of which the operator set the rate, and one that allows 100 requests/s without
having said so, as these hosts count; the latter two again on a busy machine. `growth`: what 1,000 images cost in runs
of growing size. `memory`: 64 requests at once, small photos and 50 MB of each format.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.bench.corpus import PER_VEHICLE, write_feed, write_large, write_photos
from tests.bench.hosts import limited, nginx
from tests.bench.measure import Cost, run
from tests.bench.peers import PEERS, Peer

OURS = (sys.executable, "-m", "tui.cli")
REPOSITORY = Path(__file__).resolve().parents[2]
FEW = 200
"""Images of the run that tells what it costs to start a program."""

BUSY = 4
"""Processes that compute beside a run on a busy machine."""

AT_ONCE = 64
LARGEST = 64 * 1024 * 1024

ENV = {"PYTHONPATH": str(REPOSITORY), "BACKFILL_ALLOW_NETWORKS": "127.0.0.0/8"}


@dataclass(frozen=True, slots=True)
class Try:
    """One run of one program: images that it stored, and what that cost."""

    images: int
    cost: Cost

    @property
    def rate(self) -> float:
        return self.images / self.cost.seconds

    @property
    def cpu(self) -> float:
        return 1000 * self.cost.cpu / max(self.images, 1)


@contextmanager
def emptied() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        yield Path(folder)


def ours(urls: Sequence[str], options: Sequence[str] = (), **env: str) -> Try:
    """A headless run over vehicles with these URLs."""
    with emptied() as folder:
        vehicles = write_feed(folder / "feed.jsonl", urls)
        store = ("--store", f"local:{folder}/store")
        run((*OURS, *store, "import", "feed.jsonl"), folder, ENV)
        words = ("run", "--json", "--limit", str(vehicles), "--pace", "unlimited", *options)
        cost = run((*OURS, *store, *words), folder, {**ENV, **env})
        told = json.loads(cost.output[cost.output.index("{") :])
        return Try(told["total_images_inserted"], cost)


def theirs(peer: Peer, urls: Sequence[str]) -> Try:
    """A peer on the same URLs; what counts is what it wrote."""
    with emptied() as folder:
        (folder / "urls.txt").write_text("\n".join(urls) + "\n")
        cost = run(peer.command(folder), folder)
        written = [path for path in (folder / "out").rglob("*") if path.suffix == ".jpg" and path.stat().st_size > 1000]
        return Try(len(written), cost)


@dataclass(frozen=True, slots=True)
class Pair:
    """One program on all photos, and on the `FEW` that tell what its start costs."""

    few: Try
    whole: Try

    @property
    def started(self) -> Try:
        """The photos beyond the few: what they cost a program that has started."""
        cost, start = self.whole.cost, self.few.cost
        seconds, cpu = max(cost.seconds - start.seconds, 1e-3), max(cost.cpu - start.cpu, 1e-3)
        return Try(self.whole.images - self.few.images, Cost(seconds, cpu, cost.peak, cost.output))


def line(name: str, tries: Sequence[Try], beside: Sequence[Try] = ()) -> None:
    """Medians of one program; `beside` are ours that ran in turn with it."""
    rate, cpu = (statistics.median(getattr(one, what) for one in tries) for what in ("rate", "cpu"))
    peak = max(one.cost.peak for one in tries)
    text = f"  {name:<34} {tries[0].images:>6} images {rate:>7.0f}/s {cpu:>7.2f} CPU s/1,000 {peak:>6.0f} MB"
    if beside:
        faster = statistics.median(own.rate / other.rate for own, other in zip(beside, tries, strict=True))
        cheaper = statistics.median(own.cpu / other.cpu for own, other in zip(beside, tries, strict=True))
        text += f"   ours: {faster:.2f} × as fast at {cheaper:.2f} × the CPU"
    print(text, flush=True)


def in_turn(urls: Sequence[str], rounds: int, *programs: Callable[[Sequence[str]], Try]) -> list[list[Pair]]:
    """Each program's pairs, the programs in turn."""
    pairs: list[list[Pair]] = [[] for _ in programs]
    for _ in range(rounds):
        for found, program in zip(pairs, programs, strict=True):
            found.append(Pair(program(urls[:FEW]), program(urls)))
    return pairs


def peers(photos: Path, names: Sequence[str], rounds: int, folder: Path, only: str) -> None:
    """Every installed peer in turn with the way of ours that does as much, in as many processes."""
    with nginx(photos, folder / "nginx") as host:
        urls = [f"{host}/{name}" for name in names]
        for peer in PEERS:
            if only not in peer.name:
                continue
            if not peer.installed:
                print(f"  {peer.name:<34} is not installed")
                continue
            checks = () if peer.decodes else ("--verify", "structure")
            options = (*checks, "--workers", str(peer.processes))
            own, other = in_turn(urls, rounds, partial(ours, options=options), partial(theirs, peer))
            for part, of in (("", lambda pair: pair.whole), (", started", lambda pair: pair.started)):
                line(" ".join(("ours", *options)) + part, list(map(of, own)))
                line(peer.name + part, list(map(of, other)), list(map(of, own)))


def limits(photos: Path, names: Sequence[str]) -> None:
    """Far away, at a rate that was set, and at a rate that has to be found out."""
    with limited(photos, 0.05, 0) as (host, _):
        line("50 ms away", [ours([f"{host}/{name}" for name in names])])
    told(photos, names[:600], 50)
    untold(photos, names[:600])
    with busy(BUSY):
        print(f"  and with {BUSY} processes that keep the machine busy:")
        told(photos, names[:600], 50)
        untold(photos, names[:600])


def told(photos: Path, names: Sequence[str], rate: int) -> None:
    """A host whose rate the operator has set, by what the host counts."""
    with limited(photos, 0.0, 0) as (host, counted), policy(f"rate = {rate}\nslots = 16") as env:
        got = ours([f"{host}/{name}" for name in names], **env)
    line(f"{rate}/s as set", [got])
    achieved = (counted["requests"] - 1) / counted["seconds"]
    print(f"    achieved {achieved / rate:.1%} of it, most in any second {counted['most in a second']:.0f}", flush=True)


@contextmanager
def policy(text: str) -> Iterator[dict[str, str]]:
    """The environment of a run for whose host this stands in the settings."""
    with emptied() as config:
        (config / "backfill-tui").mkdir()
        (config / "backfill-tui" / "config.toml").write_text(f'[hosts."127.0.0.1"]\n{text}\n')
        yield {"XDG_CONFIG_HOME": str(config)}


def untold(photos: Path, names: Sequence[str]) -> None:
    """A host that allows 100 requests/s and has not said so."""
    with limited(photos, 0.0, 100) as (host, counted):
        got = ours([f"{host}/{name}" for name in names])
    line("100/s allowed, not told", [got])
    took = f"{got.cost.seconds:.1f} s ({counted['seconds']:.1f} s from the first request to the last)"
    print(f"    in {took}, {counted['429']:.0f} requests turned away", flush=True)


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """As many processes that compute all the time."""
    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()


def growth(photos: Path, names: Sequence[str], folder: Path, most: int) -> None:
    """Runs of ten times as many images each; a photo has several URLs."""
    with nginx(photos, folder / "nginx") as host:
        size = 1000
        while size <= most:
            urls = [f"{host}/{names[n % len(names)]}?{n // len(names)}" for n in range(size)]
            line(f"{size:,} images", [ours(urls)])
            size *= 10


def memory(photos: Path, names: Sequence[str], folder: Path) -> None:
    """The peak at 64 requests at once; a large picture has more URLs than that, each of which is fetched and proved."""
    with nginx(photos, folder / "nginx") as host, policy(f"slots = {AT_ONCE}") as env:
        line(f"{len(names):,} photos, {AT_ONCE} at once", [ours([f"{host}/{name}" for name in names], **env)])
        for name in write_large(photos):
            urls = [f"{host}/{name}?{n}" for n in range(AT_ONCE + PER_VEHICLE)]
            peak = ours(urls, BACKFILL_MAX_BYTES=str(LARGEST), **env).cost.peak
            size = (photos / name).stat().st_size / 1e6
            print(f"  {name + f', {len(urls)} URLs of it':<34} {size:>6.0f} MB each {peak:>38.0f} MB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ["peers", "limits", "growth", "memory"]
    parser.add_argument("parts", nargs="*", choices=parts, default=parts[:2])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--most", type=int, default=100_000)
    parser.add_argument("--only", default="", help="peers with this in their name")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bench-images-"))
    try:
        names = write_photos(folder / "photos", given.images)
        photos = folder / "photos"
        for part in given.parts:
            print(part, flush=True)
            if part == "peers":
                peers(photos, names, given.rounds, folder, given.only)
            elif part == "limits":
                limits(photos, names)
            elif part == "memory":
                memory(photos, names, folder)
            else:
                growth(photos, names, folder, given.most)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
