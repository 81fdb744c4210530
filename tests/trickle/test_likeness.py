from __future__ import annotations

import io
import random
from dataclasses import replace

from PIL import Image

from tests.images.photos import encoded
from tests.support.web import HOST, Web
from tests.support.world import listing, vehicles
from tests.trickle.conftest import MakeTrickle
from tui.images.files.inspect import inspect
from tui.model import Look, Picture, Placeholder, StoredImage
from tui.stores import Store
from tui.trickle import likeness
from tui.trickle.likeness import VEHICLES, Album, Placeholders, Seen, Sight


def scene(seed: int) -> Image.Image:
    rng = random.Random(seed)
    return Image.frombytes("RGB", (9, 7), rng.randbytes(9 * 7 * 3)).resize((640, 480), Image.Resampling.BICUBIC)


def jpeg(seed: int, quality: int = 85, size: tuple[int, int] = (640, 480)) -> bytes:
    return encoded(scene(seed).resize(size), "JPEG", quality=quality)


def picture(data: bytes) -> Picture:
    content = io.BytesIO(data)
    facts = inspect(content)
    return Picture(
        content, len(data), facts.sha256, facts.mime_type, facts.extension, 1, 1, facts.perceptual_hash, facts.preview
    )


def test_a_photo_that_was_compressed_or_scaled_again_looks_like_itself() -> None:
    for seed in range(12):
        album = Album(())
        assert album.earlier_like(picture(jpeg(seed)), "first") == ""
        assert album.earlier_like(picture(jpeg(seed + 100)), "another") == ""
        for other in (
            jpeg(seed, quality=40),
            jpeg(seed, size=(320, 240)),
            jpeg(seed, size=(160, 120)),
            encoded(scene(seed), "WEBP"),
            encoded(scene(seed), "PNG"),
        ):
            assert album.earlier_like(picture(other), "again") in ("first", "again")


def test_what_was_stored_before_is_looked_at_too() -> None:
    stored = StoredImage("v", "old", "", "", "", 0, "", 0, 0, 0, perceptual_hash=picture(jpeg(1)).perceptual_hash)
    assert Album([stored]).earlier_like(picture(jpeg(1, quality=50)), "new") == "old"
    assert Album([replace(stored, perceptual_hash="no hash")]).earlier_like(picture(jpeg(1)), "new") == ""


def test_flat_pictures_and_those_that_were_not_decoded_look_like_nothing() -> None:
    album = Album(())
    for colour in ("red", "blue"):
        flat = picture(encoded(Image.new("RGB", (300, 200), colour), "JPEG"))
        assert album.earlier_like(flat, colour) == ""
        assert album.earlier_like(replace(flat, perceptual_hash=""), colour) == ""
        assert album.first_look(flat) == flat.sha256
        assert album.first_look(flat) == ""


RARE, NEARLY, NEWS, PLACEHOLDER = Seen


def test_a_picture_of_many_vehicles_is_news_once() -> None:
    placeholders = Placeholders()
    seen = [placeholders.see(Sight("a", "look", f"http://a/{n}")) for n in range(VEHICLES + 2)]
    before = [*[RARE] * (VEHICLES - 2), NEARLY]
    assert seen == [*before, NEWS, PLACEHOLDER, PLACEHOLDER]
    assert [placeholders.see(Sight("b", "look", "http://b/")) for _ in range(VEHICLES - 1)] == before
    assert placeholders.noticed() == (Placeholder("a", VEHICLES + 2, "http://a/0"),)


def test_of_several_processes_each_knows_as_much_as_the_one_that_counts_for_all() -> None:
    one, other, whole = Placeholders(), Placeholders(), Placeholders()
    for process in (one, other):
        process.tell = whole.see
    sights = [Sight("a", "look", f"http://a/{n}") for n in range(VEHICLES + 1)]
    for sight in sights[: VEHICLES - 1]:
        assert one.see(sight) is not PLACEHOLDER
    for sight in whole.to_learn():
        other.learn(sight)
    assert (other.see(sights[-2]), one.see(sights[-1])) == (PLACEHOLDER, PLACEHOLDER), "whoever counts has the news"
    assert whole.noticed() == (Placeholder("a", VEHICLES + 1, "http://a/0"),)


def test_what_was_stored_before_counts_once_for_each_vehicle() -> None:
    known, url = "00ff00ff00ff00ff", "http://a/soon.jpg"
    placeholders = Placeholders()
    placeholders.recall([Look(f"v{n // 2}", url, f"{n}", known) for n in range(2 * (VEHICLES - 2))])
    placeholders.recall([Look("w", "no web address", "0", known), Look("w", "", "0", "")])
    assert placeholders.noticed() == ()
    assert [placeholders.see(Sight("a", known, url)) for _ in range(2)] == [NEARLY, NEWS]


def test_what_was_a_placeholder_before_is_shown_once_it_comes_again() -> None:
    placeholders = Placeholders()
    placeholders.recall([Look(f"v{n}", "http://a/soon.jpg", "0011", "") for n in range(VEHICLES + 1)])
    assert (placeholders.noticed(), len(placeholders.to_learn())) == ((), 1)
    assert placeholders.see(Sight("a", "0011", "http://a/1")) is NEWS
    assert placeholders.noticed() == (Placeholder("a", VEHICLES + 2, "http://a/soon.jpg"),)


def test_what_is_remembered_is_bounded() -> None:
    placeholders = Placeholders()
    for number in range(likeness.MOST_SIGHTS * 2):
        placeholders.see(Sight("a", str(number), "http://a/"))
        if number % 1000 == 0:
            placeholders.see(Sight("a", "again", "http://a/again"))
    assert len(placeholders._counts) <= likeness.MOST_SIGHTS
    assert [shown.example_url for shown in placeholders.noticed()] == ["http://a/again"]


async def test_near_duplicates_are_kept_and_flagged(store: Store, web: Web, make: MakeTrickle) -> None:
    web.answers |= {"v0/0": (200, jpeg(1)), "v0/1": (200, jpeg(2)), "v0/2": (200, jpeg(1, quality=50))}
    await store.intake([listing(web, 0)])
    seen = await make().run()
    (vehicle,) = await vehicles(store)
    images = await store.images(vehicle.id)
    assert [image.similar_to for image in images] == ["", "", images[0].source_url]
    assert (seen.tally.stored, seen.similar) == (3, 1)


async def test_a_placeholder_is_noticed_over_several_runs(store: Store, web: Web, make: MakeTrickle) -> None:
    web.answers |= {f"v{n}/{n * 64}": (200, jpeg(99)) for n in range(VEHICLES)}
    await store.intake([listing(web, number, images=2) for number in range(VEHICLES)])
    for number in range(VEHICLES):
        seen = await make(limit=1).run()
        assert len(seen.placeholders) == (number == VEHICLES - 1)
    assert seen.placeholders[0].vehicles == VEHICLES


async def test_a_placeholder_is_stored_and_flagged_once_it_is_noticed(
    store: Store, web: Web, make: MakeTrickle
) -> None:
    count = VEHICLES + 2
    web.answers |= {f"v{n}/{n * 64}": (200, jpeg(99)) for n in range(count)}
    await store.intake([listing(web, number, images=2) for number in range(count)])
    seen = await make().run()
    assert seen.tally.stored == 2 * count
    (shown,) = seen.placeholders
    assert (shown.host, shown.vehicles) == (HOST, count)
    assert sum("placeholder" in line.text for line in seen.log) == 1
    flagged = [
        image.position
        for vehicle in await vehicles(store)
        for image in await store.images(vehicle.id)
        if image.placeholder
    ]
    assert flagged == [0] * (count - VEHICLES + 1)
