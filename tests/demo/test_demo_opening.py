import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx
import pytest
import pytest_asyncio

from tui.demo import Demo, build_world, open_demo
from tui.demo.cars import HOSTILE_TITLE
from tui.demo.folder import mark
from tui.demo.seeding import identity, listing_of
from tui.demo.world import SEEDED_IMAGES, Standing
from tui.model import SOURCE, OrganizationSort, Problem, Scope, State, VehicleQuery
from tui.stores.local import LocalStore
from tui.stores.merging import id_of

WORLD = build_world()
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def demo(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Demo]:
    """One that is only looked at."""
    demo = await open_demo(tmp_path_factory.mktemp("demo") / "new", serve=False)
    yield demo
    await demo.close()


async def states(demo: Demo) -> dict[str, State]:
    vehicles = [await demo.store.vehicle(id_of(identity(vehicle))) for vehicle in WORLD.vehicles]
    return {v.car.vin: found.state for v, found in zip(WORLD.vehicles, vehicles, strict=True) if found}


async def test_every_vehicle_stands_where_the_world_says(demo: Demo) -> None:
    assert await states(demo) == WORLD.initial


async def test_the_counts_of_a_fresh_demo(demo: Demo) -> None:
    counts = await demo.store.counts()
    standings = Counter(vehicle.standing for vehicle in WORLD.vehicles)
    public = len(WORLD.vehicles) - standings[Standing.PRIVATE]
    assert counts.vehicles == public
    assert counts.partial == standings[Standing.PARTIAL] == 5
    assert counts.empty == standings[Standing.EMPTY]
    assert counts.legacy == standings[Standing.LEGACY]
    assert counts.backfilled == counts.marked == standings[Standing.MARKED]
    assert counts.needing == counts.ready + counts.empty + counts.marked
    listed_elsewhere = standings[Standing.LEGACY] + standings[Standing.PARTIAL] + standings[Standing.FOREIGN]
    assert counts.needing == public - listed_elsewhere


async def test_galleries_are_as_extracted_noise_included(demo: Demo) -> None:
    for vehicle in WORLD.vehicles:
        gallery = await demo.store.gallery(id_of(identity(vehicle)))
        assert gallery.urls == tuple(item.raw for item in vehicle.items)


async def test_organizations_have_names_and_websites(demo: Demo) -> None:
    page = await demo.store.organizations(sort=OrganizationSort.NAME, descending=False)
    assert {o.name: o.website for o in page.rows} == {d.name: d.website for d in WORLD.dealers}


async def test_the_hostile_name_arrives_as_it_is(demo: Demo) -> None:
    page = await demo.store.vehicles(VehicleQuery(filter="[/red]"))
    assert [vehicle.title for vehicle in page.rows] == [HOSTILE_TITLE]


async def test_a_run_would_find_what_is_expected(demo: Demo) -> None:
    workload = await demo.store.workload(Scope(), 20)
    assert workload.vehicles == WORLD.expected().vehicles
    private = await demo.store.workload(Scope(include_private=True), 20)
    assert private.vehicles == WORLD.expected(include_private=True).vehicles


def content_of(file_url: str) -> bytes:
    return Path(unquote(urlsplit(file_url).path)).read_bytes()


async def test_partial_vehicles_have_real_objects(demo: Demo) -> None:
    found = set()
    for vehicle in WORLD.of(Standing.PARTIAL):
        images = await demo.store.images(id_of(identity(vehicle)))
        assert [image.position for image in images] == list(range(SEEDED_IMAGES))
        for image in images:
            assert hashlib.sha256(content_of(image.image_url)).hexdigest() == image.file_hash
            found.add(image.source_url)
    assert found == WORLD.expected().already


async def test_the_object_path_is_the_one_of_the_engine(demo: Demo) -> None:
    from tui.trickle.lane import object_path

    images = await demo.store.images(id_of(identity(WORLD.of(Standing.PARTIAL)[0])))
    for image in images:
        extension = image.storage_path.rpartition(".")[2]
        assert image.storage_path == object_path(image.vehicle_id, SOURCE, image.source_url, extension)


async def test_reopening_keeps_what_was_done(tmp_path: Path) -> None:
    first = await open_demo(tmp_path, serve=False)
    before = await first.store.counts()
    some = (await first.store.vehicles(VehicleQuery())).rows[0].id
    await first.store.unpark([some])
    await first.close()
    (tmp_path / "objects" / "kept").write_text("mine")
    second = await open_demo(tmp_path, serve=False)
    assert await second.store.counts() == before
    assert (tmp_path / "objects" / "kept").read_text() == "mine"
    await second.close()


async def test_an_interrupted_seeding_is_completed(tmp_path: Path) -> None:
    mark(tmp_path, WORLD, seeded=False)
    store = await LocalStore.open(tmp_path)
    await store.intake([listing_of(vehicle) for vehicle in WORLD.vehicles[:300]])
    partial = tuple(id_of(identity(vehicle)) for vehicle in WORLD.of(Standing.PARTIAL))
    await store.claim(Scope(vehicle_ids=partial), 2, worker="killed", run_id="", ttl=0.3)
    await store.close()
    demo = await open_demo(tmp_path, serve=False)
    assert await states(demo) == WORLD.initial
    await demo.close()


async def test_two_may_open_the_same_new_folder_at_once(tmp_path: Path) -> None:
    demos = await asyncio.gather(*(open_demo(tmp_path / "new", serve=False) for _ in range(3)))
    counts = [await demo.store.counts() for demo in demos]
    assert counts[0] == counts[1] == counts[2]
    assert counts[0].partial == 5
    for demo in demos:
        await demo.close()


def entries(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


async def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(Problem, match="not empty and holds no demo"):
        await open_demo(tmp_path, serve=False)
    assert entries(tmp_path) == ["thesis.txt"]


async def test_the_demo_of_another_seed_is_left_alone(demo: Demo) -> None:
    with pytest.raises(Problem, match="another seed or version"):
        await open_demo(demo.folder, seed=5, serve=False)


async def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("mine")
    with pytest.raises(Problem, match="cannot be used"):
        await open_demo(tmp_path / "demo", serve=False)


async def test_a_broken_marker_is_told(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text("{")
    with pytest.raises(Problem, match=r"demo\.json cannot be read"):
        await open_demo(tmp_path, serve=False)


async def test_a_temporary_demo_goes_at_close() -> None:
    demo = await open_demo(None, serve=False)
    assert (demo.folder / "store.sqlite3").exists()
    await demo.close()
    assert not demo.folder.exists()
    await demo.close()


async def test_an_open_demo_serves_exactly_its_own_names(tmp_path: Path) -> None:
    demo = await open_demo(tmp_path / "demo")
    assert set(demo.exempt) == set(WORLD.hosts)
    (address,) = set(demo.exempt.values())
    assert address[0] == "127.0.0.1"
    photo = next(WORLD.photos())
    async with httpx.AsyncClient(trust_env=False) as http:
        url = f"http://127.0.0.1:{address[1]}{photo.target}"
        response = await http.get(url, headers={"Host": photo.host})
    assert response.headers["content-type"] == "image/jpeg"
    await demo.close()


async def test_read_only_no_demo_is_made_and_one_that_is_there_opens(tmp_path: Path, demo: Demo) -> None:
    with pytest.raises(Problem, match=r"no demo in .* yet, and read-only none is made"):
        await open_demo(tmp_path / "new", serve=False, read_only=True)
    assert not await asyncio.to_thread((tmp_path / "new").exists)
    looked_at = await open_demo(demo.folder, serve=False, read_only=True)
    assert looked_at.store.read_only
    assert await looked_at.store.counts() == await demo.store.counts()
    await looked_at.close()
