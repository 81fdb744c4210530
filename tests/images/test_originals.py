from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.images.loopback import Loopback, reply
from tests.images.photos import drawing, encoded, photos
from tui.demo import build_world
from tui.images.obtain import COPY_ATTEMPTS, Images
from tui.images.originals import FRUITLESS, MOST, PLAUSIBLE, RULES, is_no_smaller, originals
from tui.images.pace import PROFILES, Pace
from tui.images.urls import host_of, normalise
from tui.model import Reason, Refusal

PHOTO = reply(photos()["plain.jpg"])
LARGER = reply(encoded(drawing(400, 240), "PNG"))
GIVEN = "http://host.test/wp-content/uploads/2024/car-300x200.jpg"
ORIGINAL = "/wp-content/uploads/2024/car.jpg"
SCALED = "/wp-content/uploads/2024/car-scaled.jpg"


@pytest.mark.parametrize(
    ("given", "larger"),
    [
        (
            "https://res.cloudinary.com/demo/image/upload/w_300,c_fill/v123/cars/x.jpg",
            ["https://res.cloudinary.com/demo/image/upload/v123/cars/x.jpg"],
        ),
        (
            "https://res.cloudinary.com/demo/image/upload/f_auto/c_thumb,g_face,h_200,w_200/x.jpg",
            ["https://res.cloudinary.com/demo/image/upload/x.jpg"],
        ),
        ("https://i0.wp.com/a.com/x.jpg?resize=150%2C150&ssl=1", ["https://i0.wp.com/a.com/x.jpg?ssl=1"]),
        ("https://i2.wp.com/a.com/x.jpg?w=300", ["https://i2.wp.com/a.com/x.jpg"]),
        ("https://a.com/wp-content/uploads/x-scaled.jpg", ["https://a.com/wp-content/uploads/x.jpg"]),
        (
            "https://a.com/wp-content/uploads/x-300x200.jpg",
            ["https://a.com/wp-content/uploads/x.jpg", "https://a.com/wp-content/uploads/x-scaled.jpg"],
        ),
        ("https://a.com/wp-content/uploads/x.jpg?fit=940%2C627", ["https://a.com/wp-content/uploads/x.jpg"]),
        (
            "https://a.com/wp-content/uploads/x.jpg?resize=235,159&v=1&crop=1&zoom=2&quality=80",
            ["https://a.com/wp-content/uploads/x.jpg?v=1"],
        ),
        (
            "https://a.com/wp-content/uploads/x-scaled.jpg?fit=940%2C627",
            ["https://a.com/wp-content/uploads/x.jpg", "https://a.com/wp-content/uploads/x-scaled.jpg"],
        ),
        (
            "https://a.com/wp-content/uploads/x-300x200.jpg?w=300",
            ["https://a.com/wp-content/uploads/x.jpg", "https://a.com/wp-content/uploads/x-scaled.jpg"],
        ),
        (
            "https://res.cloudinary.com/demo/image/upload/w_300/b_2020/car.jpg",
            ["https://res.cloudinary.com/demo/image/upload/b_2020/car.jpg"],
        ),
        (
            "https://res.cloudinary.com/demo/image/upload/w_300,c_fill/l_logo,g_south/f_auto/v1/car.jpg",
            ["https://res.cloudinary.com/demo/image/upload/v1/car.jpg"],
        ),
        (
            "https://res.cloudinary.com/demo/image/upload/ar_16:9,c_fill/car.jpg",
            ["https://res.cloudinary.com/demo/image/upload/car.jpg"],
        ),
        ("https://images.craigslist.org/0a_b_0CI_300x300.jpg", ["https://images.craigslist.org/0a_b_0CI_1200x900.jpg"]),
        ("https://images.craigslist.org/0a_b_50x50c.jpg", ["https://images.craigslist.org/0a_b_1200x900.jpg"]),
        ("https://cdn.shopify.com/s/files/1/2/x_300x.jpg?v=1", ["https://cdn.shopify.com/s/files/1/2/x.jpg?v=1"]),
        ("https://cdn.shopify.com/s/files/1/x_grande.png", ["https://cdn.shopify.com/s/files/1/x.png"]),
        ("https://b.com/cdn/shop/files/x.jpg?v=1&width=300", ["https://b.com/cdn/shop/files/x.jpg?v=1"]),
        ("https://a.imgix.net/x.jpg?w=300&h=200&fit=crop&auto=format", ["https://a.imgix.net/x.jpg?auto=format"]),
        ("https://i.ebayimg.com/images/g/AA/s-l300.jpg", ["https://i.ebayimg.com/images/g/AA/s-l1600.jpg"]),
        (
            "https://live.staticflickr.com/7372/12502775644_acfd415fa7_m.jpg",
            ["https://live.staticflickr.com/7372/12502775644_acfd415fa7_b.jpg"],
        ),
        (
            "https://images.squarespace-cdn.com/content/v1/a/x.jpg?format=300w",
            ["https://images.squarespace-cdn.com/content/v1/a/x.jpg?format=2500w"],
        ),
        (
            "https://static.wixstatic.com/media/11_58~mv2.jpeg/v1/fill/w_640,h_640,al_c,q_85/file.jpg",
            ["https://static.wixstatic.com/media/11_58~mv2.jpeg"],
        ),
    ],
)
def test_larger_copies_of_known_services(given: str, larger: list[str]) -> None:
    assert list(originals(given)) == larger
    for url in larger:
        assert originals(url) == () or "-scaled" in url


@pytest.mark.parametrize(
    "url",
    [
        "https://a.com/x-300x200.jpg",
        "https://a.com/x.jpg?w=300",
        "https://res.cloudinary.com/demo/image/upload/v1/my_cars/x.jpg",
        "https://res.cloudinary.com/demo/image/upload/f_auto,q_auto/v1/x.jpg",
        "https://res.cloudinary.com/demo/image/upload/s--Ab_1-2c--/w_300/v1/x.jpg",
        "https://a.imgix.net/x.jpg?w=300&s=0123",
        "https://i0.wp.com/a.com/x.jpg?w=300&signature=1",
        "https://cdn.shopify.com/s/files/1/x_300x.jpg?X-Amz-Signature=1",
        "https://live.staticflickr.com/7372/12502775644_acfd415fa7_b.jpg",
        "https://i.ebayimg.com/images/g/AA/s-l1600.jpg",
        "https://i.ebayimg.com/images/g/AA/s-l2400.webp",
        "https://images.squarespace-cdn.com/content/v1/a/x.jpg?format=3000w",
        "https://images.squarespace-cdn.com/content/v1/a/x.jpg?format=2500w",
        "https://cdn.shopify.com/s/files/1/2/too_small.jpg?v=1",
        "https://cdn.shopify.com/s/files/1/2/jeep_4x4.jpg",
        "https://cdn.shopify.com/s/files/1/2/bmw_x5.jpg",
        "https://res.cloudinary.com/demo/image/upload/c_12345/car.jpg",
        "https://res.cloudinary.com/demo/image/upload/h_street/d_1/car.jpg",
        "https://res.cloudinary.com/demo/image/upload/h_street/w_300/car.jpg",
        *(
            f"https://a.com/wp-content/uploads/x-300x200.jpg?{name}=1"
            for name in ("hdnts", "hdnea", "hdntl", "__token__", "secure", "md5", "sha", "sha256", "st", "auth_key")
        ),
    ],
)
def test_what_is_unknown_signed_or_large_already_stays(url: str) -> None:
    assert originals(url) == ()


HOSTS = st.sampled_from(["res.cloudinary.com", "i0.wp.com", "a.com", "cdn.shopify.com", "a.imgix.net", "i.ebayimg.com"])
PATHS = st.lists(
    st.sampled_from(
        ["image", "upload", "w_300", "wp-content", "uploads", "cdn", "shop", "x-30x20.jpg", "s-l30.jpg", "", "%2F"]
    ),
    max_size=6,
)
QUERIES = st.lists(st.sampled_from(["w=3", "fit=1,2", "sig=1", "a", "", "crop=x"]), max_size=3)


@given(HOSTS, PATHS, QUERIES)
def test_larger_copies_are_few_on_the_same_host_and_can_be_asked_for(
    host: str, path: list[str], query: list[str]
) -> None:
    url = normalise(f"https://{host}/{'/'.join(path)}" + (f"?{'&'.join(query)}" if query else ""))
    assert url is not None
    larger = originals(url)
    assert len(larger) <= MOST
    assert url not in larger
    for copy in larger:
        assert normalise(copy) == copy
        assert host_of(copy) == host


def test_every_rule_says_where_its_shape_is_told() -> None:
    assert all(rule.source for rule in RULES)


def test_no_url_of_the_demo_has_such_a_shape() -> None:
    urls = [photo.url for photo in build_world().photos()]
    assert urls
    assert not [url for url in urls if originals(url)]


async def visit(
    answers: dict[str, bytes | list[bytes]], *urls: str, wanted: bool = True
) -> tuple[list[str], list[object]]:
    """What was asked for, in turn, and what came of each URL."""
    async with Loopback(answers).running() as host:  # type: ignore[arg-type]
        images = Images(Pace(PROFILES["unlimited"]), guard=host.guard(), originals=wanted)
        ends: list[object] = []
        for url in urls:
            try:
                with (picture := await images.obtain(url)).content:
                    ends.append(picture.mime_type)
            except Refusal as refusal:
                ends.append(refusal.reason)
        await images.close()
        return [request.target for request in host.requests], ends


async def test_the_larger_copy_is_taken_where_there_is_one() -> None:
    asked, ends = await visit({ORIGINAL: LARGER, "*": PHOTO}, GIVEN)
    assert (asked, ends) == ([ORIGINAL], ["image/png"])


@pytest.mark.parametrize(
    "answer",
    [
        reply(status=404),
        reply(b"<html>"),
        reply(photos()["plain.jpg"][:-30]),
        reply(status=302, Location="/unavailable.png"),
    ],
)
async def test_whatever_is_wrong_with_it_the_url_itself_is_asked_for(answer: bytes) -> None:
    asked, ends = await visit({ORIGINAL: answer, SCALED: reply(status=404), "*": PHOTO}, GIVEN)
    assert asked == [ORIGINAL, SCALED, GIVEN.removeprefix("http://host.test")]
    assert ends == ["image/jpeg"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (GIVEN, 300),
        ("http://a.com/wp-content/uploads/x.jpg?fit=940%2C627", 940),
        ("http://i0.wp.com/a.com/x.jpg?resize=150%2C150", 150),
        ("http://a.imgix.net/x.jpg?w=30&h=20", 30),
        ("http://res.cloudinary.com/demo/image/upload/w_300,h_640,c_fill/v1/cars/x.jpg", 640),
        ("http://res.cloudinary.com/demo/image/upload/c_fill/h_640/x.jpg", 640),
        ("http://i.ebayimg.com/images/g/AA/s-l300.jpg", 300),
        ("http://cdn.shopify.com/s/files/1/2/x_300x.jpg", 300),
        ("http://cdn.shopify.com/s/files/1/2/x_x600.jpg?v=1", 600),
        ("http://images.squarespace-cdn.com/content/v1/a/x.jpg?format=500w", 500),
        ("http://static.wixstatic.com/media/11_58~mv2.jpeg/v1/fill/w_640,h_480,al_c/file.jpg", 640),
        ("http://live.staticflickr.com/7372/12502775644_acfd415fa7_m.jpg", PLAUSIBLE),
        ("http://a.com/wp-content/uploads/x-scaled.jpg", PLAUSIBLE),
        ("http://res.cloudinary.com/demo/image/upload/ar_1.5,c_fill/x.jpg", PLAUSIBLE),
    ],
)
def test_a_copy_is_larger_by_the_size_that_the_url_tells(given: str, told: int) -> None:
    assert originals(given)
    assert is_no_smaller(given, told, 1)
    assert is_no_smaller(given, 1, told)
    assert not is_no_smaller(given, told - 1, told - 1)


async def test_a_small_picture_in_place_of_the_larger_copy_is_not_taken() -> None:
    small = reply(encoded(drawing(20, 20), "PNG"))
    asked, ends = await visit({ORIGINAL: small, SCALED: LARGER, "*": PHOTO}, GIVEN)
    assert (asked, ends) == ([ORIGINAL, SCALED], ["image/png"])
    asked, ends = await visit({ORIGINAL: small, SCALED: small, "*": PHOTO}, GIVEN)
    assert (len(asked), ends) == (1 + MOST, ["image/jpeg"])


async def test_a_host_that_answers_with_small_pictures_is_soon_asked_for_no_more_of_them() -> None:
    urls = [GIVEN.replace("car", f"car{n}") for n in range(10)]
    small: dict[str, bytes | list[bytes]] = {"*": reply(encoded(drawing(20, 20), "PNG"))}
    asked, ends = await visit(small | {url.removeprefix("http://host.test"): PHOTO for url in urls}, *urls)
    assert ends == ["image/jpeg"] * 10
    assert len(asked) == 10 + FRUITLESS * MOST


async def test_a_host_whose_photos_are_smaller_than_asked_for_may_have_larger_ones_yet() -> None:
    urls = [GIVEN.replace("300x200", "1200x900").replace("car", f"car{n}") for n in range(FRUITLESS)]
    asked, ends = await visit({"*": PHOTO, ORIGINAL: LARGER}, *urls, GIVEN)
    assert asked[-1] == ORIGINAL
    assert ends == ["image/jpeg"] * FRUITLESS + ["image/png"]


async def test_a_larger_copy_that_cannot_be_had_now_is_asked_for_twice_and_looked_for_again() -> None:
    urls = [GIVEN.replace("car", f"car{n}") for n in range(2 * FRUITLESS)]
    small: dict[str, bytes | list[bytes]] = {url.removeprefix("http://host.test"): PHOTO for url in urls}
    asked, ends = await visit(small | {"*": reply(status=502)}, *urls)
    assert ends == ["image/jpeg"] * len(urls)
    assert len(asked) == len(urls) * (1 + MOST * COPY_ATTEMPTS)
    asked, ends = await visit(small | {"*": [reply(status=502), LARGER]}, urls[0])
    assert (len(asked), ends) == (2, ["image/png"])


async def test_a_host_without_larger_copies_is_soon_asked_for_no_more_of_them() -> None:
    urls = [GIVEN.replace("car", f"car{n}") for n in range(10)]
    missing: dict[str, bytes | list[bytes]] = {"*": reply(status=404)}
    asked, ends = await visit(missing | {url.removeprefix("http://host.test"): PHOTO for url in urls}, *urls)
    assert ends == ["image/jpeg"] * 10
    assert len(asked) == 10 + FRUITLESS * MOST


async def test_what_its_host_keeps_from_being_collected_is_not_taken_in_a_smaller_size() -> None:
    kept = reply(photos()["plain.png"], X_Robots_Tag="noimageindex")
    asked, ends = await visit({ORIGINAL: kept, "*": PHOTO}, GIVEN)
    assert (asked, ends) == ([ORIGINAL], [Reason.OPTED_OUT])


async def test_the_setting_leaves_urls_as_they_are() -> None:
    asked, _ = await visit({"*": PHOTO}, GIVEN, wanted=False)
    assert asked == [GIVEN.removeprefix("http://host.test")]
