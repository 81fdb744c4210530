from pathlib import Path

from tui.model import Listing, Scope, State
from tui.stores.local import LocalStore
from tui.stores.local.planting import Plants, plant
from tui.stores.merging import id_of

URL = "http://img.example/1.jpg"


async def test_what_is_planted_is_there_once(tmp_path: Path) -> None:
    store = await LocalStore.open(tmp_path)
    await store.intake([Listing(identity=name, organization="Dealer", image_urls=(URL,)) for name in ("a", "b", "c")])
    plants = Plants(
        websites={"Dealer": "http://dealer.example/"},
        metadata={"a": {"images": [URL]}, "b": {"image_urls": []}},
        foreign={"c": [URL, f"{URL}?2"]},
    )
    for _ in range(2):
        await plant(store, plants)
    vehicles = [await store.vehicle(id_of(name)) for name in ("a", "b", "c")]
    assert [v.state for v in vehicles if v] == [State.READY, State.EMPTY, State.HAS_IMAGES]
    assert len(await store.images(id_of("c"))) == 2
    assert (await store.organizations()).rows[0].website == "http://dealer.example/"
    assert (await store.workload(Scope(), 20)).vehicles == 1
    await store.close()
