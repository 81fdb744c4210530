import re
from collections import Counter

import pytest

from tui.demo import World, build_world
from tui.demo.cars import HOSTILE_TITLE, check_digit
from tui.demo.temperaments import FATES, HOSTS, PLAIN_MANNERS, TROUBLES, Act, Manner
from tui.demo.world import DEAD_VEHICLES, SPECIAL, Standing
from tui.images.candidates import choose
from tui.model import Reason, Result, State


@pytest.fixture(scope="module")
def world() -> World:
    return build_world()


@pytest.fixture(scope="module", params=[1967, 2])
def any_world(request: pytest.FixtureRequest) -> World:
    return build_world(request.param)


def test_a_seed_gives_the_same_world_again(world: World) -> None:
    assert build_world() == world
    assert build_world().fingerprint == world.fingerprint


def test_another_seed_gives_another_world(world: World) -> None:
    assert build_world(2).fingerprint != world.fingerprint


def test_it_is_as_large_as_promised(any_world: World) -> None:
    sizes = [len(vehicle.items) for vehicle in any_world.vehicles if vehicle.items]
    assert len(any_world.dealers) >= 14
    assert len(any_world.vehicles) >= 420
    assert sum(sizes) >= 4_200
    assert min(sizes) == 2
    assert 20 < max(sizes) <= 31
    assert 3_900 <= any_world.expected().totals.stored <= 4_100


def test_every_dealer_has_cars_a_website_and_hosts_that_never_exist(world: World) -> None:
    sellers = Counter(vehicle.car.dealer.name for vehicle in world.vehicles)
    assert {dealer.name: dealer.vehicles for dealer in world.dealers} == sellers
    assert all(re.fullmatch(r"http://www\.[a-z0-9]+\.example/", dealer.website) for dealer in world.dealers)
    assert {host for dealer in world.dealers for host in dealer.hosts} == set(world.hosts) == set(HOSTS)
    assert all(host.endswith(".example") for host in world.hosts)


def test_some_dealers_share_a_host(world: World) -> None:
    shares = Counter(host for dealer in world.dealers for host in dealer.hosts)
    assert max(shares.values()) >= 3


def test_every_vin_is_valid_and_unique(any_world: World) -> None:
    vins = [vehicle.car.vin for vehicle in any_world.vehicles]
    assert all(re.fullmatch(r"[A-HJ-NPR-Z0-9]{17}", vin) for vin in vins)
    assert all(check_digit(vin) == vin[8] for vin in vins)
    assert len(set(vins)) == len(vins)


def test_the_check_digit_is_that_of_the_standard() -> None:
    assert check_digit("1M8GDM9A_KP042788".replace("_", "0")) == "X"  # the example of 49 CFR 565


def test_cars_are_plausible(any_world: World) -> None:
    cars = [vehicle.car for vehicle in any_world.vehicles]
    assert all(1950 < car.year < 2025 and 0 < car.mileage < 200_000 and 4_000 < car.price < 1_200_000 for car in cars)


def test_every_photo_has_its_own_url(any_world: World) -> None:
    urls = [photo.url for photo in any_world.photos()]
    assert len(set(urls)) == len(urls)


def test_every_temperament_is_there(any_world: World) -> None:
    living = [p for v in any_world.vehicles if v.standing is not Standing.DEAD for p in v.photos]
    acts = Counter(photo.act for photo in living)
    assert {act: acts[act] for act in TROUBLES} == TROUBLES
    assert set(TROUBLES) | {Act.GOOD} == set(FATES) == set(Act)
    assert set(HOSTS.values()) == set(Manner)


def test_only_plain_hosts_have_images_that_act_up(any_world: World) -> None:
    assert all(photo.act is Act.GOOD or HOSTS[photo.host] in PLAIN_MANNERS for photo in any_world.photos())


def test_every_standing_is_there(any_world: World) -> None:
    standings = Counter(vehicle.standing for vehicle in any_world.vehicles)
    assert {standing: standings[standing] for standing in SPECIAL} == SPECIAL
    assert standings[Standing.DEAD] == DEAD_VEHICLES
    assert [v.car.title for v in any_world.vehicles].count(HOSTILE_TITLE) == 1


@pytest.mark.parametrize("cap", [7, 20])
def test_the_gallery_rules_choose_what_the_world_calls_photos(any_world: World, cap: int) -> None:
    for vehicle in any_world.vehicles:
        candidates = choose([item.raw for item in vehicle.items], cap)
        assert [candidate.url for candidate in candidates.chosen] == [photo.url for photo in vehicle.photos[:cap]]
        noise = [left.why.value for left in candidates.left_out if left.why != "over_cap"]
        assert noise == [item.noise for item in vehicle.items if item.photo is None]


def test_there_is_noise_of_every_kind(any_world: World) -> None:
    kinds = {item.noise for vehicle in any_world.vehicles for item in vehicle.items if item.photo is None}
    assert kinds == {"tracking_pixel", "icon", "svg", "duplicate", "thumbnail", "not_a_url"}


def test_some_galleries_spell_their_urls_oddly(any_world: World) -> None:
    raws = [item.raw for vehicle in any_world.vehicles for item in vehicle.items]
    texts = [raw for raw in raws if isinstance(raw, str)]
    assert any("&amp;" in text for text in texts)
    assert any(text != text.strip() for text in texts)
    assert None in raws


def test_what_is_expected_adds_up(any_world: World) -> None:
    expected = any_world.expected()
    totals = expected.totals
    assert totals.stored + totals.duplicate + totals.refused + totals.already == len(expected.images)
    assert sum(totals.refusals.values()) == totals.refused
    assert totals.duplicate == TROUBLES[Act.TWIN]
    assert totals.refusals["too_large"] == TROUBLES[Act.DECLARED_HUGE] + TROUBLES[Act.STREAMED_HUGE]
    assert expected.already <= set(expected.images)
    assert set(expected.states) == {vehicle.car.vin for vehicle in any_world.vehicles}


def test_every_outcome_is_final_within_one_run() -> None:
    assert all(fate.result is not Result.DEFERRED for fate in FATES.values())
    assert all(not fate.reason.retry_may_help for fate in FATES.values() if fate.reason)


def test_the_states_at_the_end(any_world: World) -> None:
    states = Counter(any_world.expected().states.values())
    assert states == {
        State.BACKFILLED: len(any_world.vehicles) - DEAD_VEHICLES - 16,
        State.PARKED: DEAD_VEHICLES,
        State.EMPTY: SPECIAL[Standing.EMPTY],
        State.HAS_IMAGES: SPECIAL[Standing.FOREIGN],
        State.READY: SPECIAL[Standing.PRIVATE],
    }


def test_private_vehicles_count_where_they_are_asked_for(world: World) -> None:
    private = {photo.url for vehicle in world.of(Standing.PRIVATE) for photo in vehicle.photos}
    assert not private & set(world.expected(1_000).images)
    assert private < set(world.expected(1_000, include_private=True).images)
    assert State.READY not in world.expected(include_private=True).states.values()


def test_the_dead_are_dead_and_nobody_else_is(any_world: World) -> None:
    for vehicle in any_world.vehicles:
        reasons = [FATES[photo.act].reason for photo in vehicle.photos]
        if vehicle.standing is Standing.DEAD:
            assert set(reasons) <= {Reason.NOT_FOUND, Reason.GONE}
        elif vehicle.photos:
            assert reasons[0] is None


def test_a_twin_comes_after_the_photo_whose_bytes_it_has(any_world: World) -> None:
    for vehicle in any_world.vehicles:
        for photo in vehicle.photos:
            if photo.act is Act.TWIN:
                first = vehicle.photos[0]
                assert photo.number > first.number
                assert (photo.shown, photo.encoding, first.act) == (first.number, first.encoding, Act.GOOD)


def test_a_smaller_cap_asks_for_less(world: World) -> None:
    small, large = world.expected(5), world.expected(20)
    assert set(small.images) < set(large.images)
    assert all(large.images[url] == fate for url, fate in small.images.items())
