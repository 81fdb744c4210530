from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.images.candidates import Candidate, LeftOut, Why, choose

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["url", "src", "x"]), inner, max_size=3)
    ),
    max_leaves=5,
)
SCHEMES = st.sampled_from(["http://", "HTTPS://", "//", "https:\\\\", "ftp://", "", "  http://", "data:image/svg"])
HOSTS = st.sampled_from(
    ["a.com", "B.com:443", "b.com:80", "[::1]", "ü.de", "a.com.", "u:p@a.com", "a..com", "-", "x:99999"]
)
PATHS = st.lists(
    st.sampled_from(
        [
            "/",
            "a.jpg",
            "a-150x150.jpg",
            "thumb/",
            "full/",
            "?w=94",
            "&w=600",
            "&amp;amp;",
            "&am",
            "p;",
            "\n",
            "%2f",
            "%",
            "ä",
            "#",
        ]
    )
    | st.text(max_size=3)
).map("".join)
URLS = st.builds(lambda *parts: "".join(parts), SCHEMES, HOSTS, PATHS)
GALLERIES = st.lists(URLS | JSON, max_size=12)


def only(entry: object) -> str:
    """The one URL that a gallery of one entry comes to."""
    [candidate] = choose([entry], 1).chosen
    return candidate.url


def why(*entries: object, cap: int = 20) -> list[Why]:
    return [left.why for left in choose(entries, cap).left_out]


@given(GALLERIES, st.integers(-1, 12))
def test_every_entry_is_either_chosen_or_left_out(gallery: list[object], cap: int) -> None:
    candidates = choose(gallery, cap)
    assert len(candidates.chosen) + len(candidates.left_out) == len(gallery)
    assert len(candidates.chosen) <= max(cap, 0)
    assert [left.index for left in candidates.left_out] == sorted({left.index for left in candidates.left_out})


@given(GALLERIES, st.integers(0, 12))
def test_choosing_again_changes_nothing(gallery: list[object], cap: int) -> None:
    chosen = choose(gallery, cap).chosen
    again = choose([candidate.url for candidate in chosen], cap)
    assert again.chosen == chosen
    assert again.left_out == ()


@given(GALLERIES, st.integers(0, 12))
def test_chosen_urls_are_distinct_numbered_and_printable(gallery: list[object], cap: int) -> None:
    chosen = choose(gallery, cap).chosen
    assert [candidate.position for candidate in chosen] == list(range(len(chosen)))
    assert len({candidate.url for candidate in chosen}) == len(chosen)
    for candidate in chosen:
        assert all("!" <= letter <= "~" for letter in candidate.url)
        assert candidate.host == candidate.host.lower() != ""


@given(GALLERIES)
def test_a_smaller_cap_only_cuts(gallery: list[object]) -> None:
    assert choose(gallery, 2).chosen == choose(gallery, 20).chosen[:2]


@given(st.lists(URLS))
def test_what_is_left_out_can_be_printed(gallery: list[object]) -> None:
    for left in choose(gallery, 3).left_out:
        assert not any(ord(letter) < 32 for letter in left.url)
        left.url.encode()


@pytest.mark.parametrize(
    ("given_url", "url"),
    [
        ("https://a.com/x.jpg", "https://a.com/x.jpg"),
        ("  https://a.com/x.jpg\r\n", "https://a.com/x.jpg"),
        ("https://a.com/x\n.jpg", "https://a.com/x.jpg"),
        ("HTTPS://A.COM/X.jpg", "https://a.com/X.jpg"),
        ("//a.com/x.jpg", "https://a.com/x.jpg"),
        ("http://a.com:80/x.jpg", "http://a.com/x.jpg"),
        ("https://a.com:443/x.jpg", "https://a.com/x.jpg"),
        ("https://a.com:8443/x.jpg", "https://a.com:8443/x.jpg"),
        ("https://a.com/x.jpg#top", "https://a.com/x.jpg"),
        ("https://a.com", "https://a.com/"),
        ("https://a.com?id=1", "https://a.com/?id=1"),
        ("https://a.com./x.jpg", "https://a.com/x.jpg"),
        ("https://a.com/my car.jpg", "https://a.com/my%20car.jpg"),
        ("https://a.com/Käfer.jpg", "https://a.com/K%C3%A4fer.jpg"),
        ("https://münchen.de/x.jpg", "https://xn--mnchen-3ya.de/x.jpg"),
        ("https://[2001:DB8::0:1]/x.jpg", "https://[2001:db8::1]/x.jpg"),
        ("https://a.com/x.jpg?a=1&amp;b=2", "https://a.com/x.jpg?a=1&b=2"),
        ("https://a.com/x.jpg?a=1&amp;amp;b=2", "https://a.com/x.jpg?a=1&b=2"),
        ("https://a.com/x.jpg?a=1&#38;b=2&#x26;c=3", "https://a.com/x.jpg?a=1&b=2&c=3"),
        ({"url": "https://a.com/x.jpg"}, "https://a.com/x.jpg"),
        ({"alt": "front", "src": "https://a.com/x.jpg"}, "https://a.com/x.jpg"),
        ({"url": None, "href": "https://a.com/x.jpg"}, "https://a.com/x.jpg"),
    ],
)
def test_a_url_is_normalised(given_url: object, url: str) -> None:
    assert only(given_url) == url


@pytest.mark.parametrize(
    "url",
    [
        "https://cdn.com/a/%2Fx%2f../b//c.jpg?Signature=a~b-c_d|e%&Expires=1&copy=2&lt=3",
        "https://cdn.com/upload/w_600,h_400/v1/x.jpg?sig={a}^[b]'c'",
    ],
)
def test_a_signed_url_stays_byte_for_byte(url: str) -> None:
    assert only(url) == url


@pytest.mark.parametrize(
    "entry",
    [
        None,
        7,
        True,
        [],
        ["https://a.com/x.jpg"],
        {},
        {"url": 7},
        "",
        "x.jpg",
        "/x.jpg",
        "a.com/x.jpg",
        "http://",
        "http:///x.jpg",
        "http:/a.com/x.jpg",
        "https://user:secret@a.com/x.jpg",
        "https://a.com\\@b.com/x.jpg",
        "https://a.com:0/x.jpg",
        "https://a.com:99999/x.jpg",
        "https://a.com:http/x.jpg",
        "https://a..com/x.jpg",
        "https://a b.com/x.jpg",
        "https://[::1/x.jpg",
        "https://[fe80::1%25eth0]/x.jpg",
        "https://[nonsense]/x.jpg",
        "https://" + "a" * 64 + ".com/x.jpg",
        "ftp://a.com/x.jpg",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:image/jpeg;base64,AAAA",
    ],
)
def test_what_is_no_web_address_is_told(entry: object) -> None:
    assert why(entry) == [Why.NOT_A_URL]


def test_a_long_data_uri_is_not_kept() -> None:
    [left] = choose(["data:image/jpeg;base64," + "A" * 1_000_000], 20).left_out
    assert len(left.url) == 300


def test_the_second_of_two_equal_urls_is_a_duplicate_of_the_first() -> None:
    candidates = choose(["https://a.com/0.jpg", "https://a.com/1.jpg", "HTTPS://A.com:443/1.jpg#x"], 20)
    assert candidates.left_out == (LeftOut(2, "https://a.com/1.jpg", Why.DUPLICATE, of=1),)


@pytest.mark.parametrize(
    ("small", "large"),
    [
        ("https://a.com/x.jpg?w=94", "https://a.com/x.jpg"),
        ("https://a.com/x.jpg?w=94", "https://a.com/x.jpg?w=940"),
        ("https://a.com/x.jpg?fit=235%2C157&ssl=1", "https://a.com/x.jpg?fit=940%2C627&ssl=1"),
        ("https://a.com/x.jpg?width=100&height=75", "https://a.com/x.jpg?width=1200&height=900"),
        ("https://a.com/x-150x150.jpg", "https://a.com/x.jpg"),
        ("https://a.com/x_600x450.jpg", "https://a.com/x_1200x900.jpg"),
        ("https://a.com/x_thumb.jpg", "https://a.com/x.jpg"),
        ("https://a.com/thumbs/x.jpg", "https://a.com/x.jpg"),
        ("https://a.com/i/thumb/x.jpg", "https://a.com/i/large/x.jpg"),
    ],
)
def test_a_thumbnail_gives_way_to_its_larger_self_in_either_order(small: str, large: str) -> None:
    other = "https://a.com/other.jpg"
    assert choose([other, small, large], 20).left_out == (LeftOut(1, small, Why.THUMBNAIL, of=1),)
    assert choose([large, other, small], 20).left_out == (LeftOut(2, small, Why.THUMBNAIL, of=0),)


@pytest.mark.parametrize(
    "urls",
    [
        ("https://a.com/x.jpg?w=94", "https://a.com/y.jpg?w=940"),
        ("https://a.com/x.jpg?w=94&sig=1", "https://a.com/x.jpg?w=940&sig=2"),
        ("https://a.com/x.jpg?w=600&h=400", "https://a.com/x.jpg?w=600&h=300"),
        ("https://a.com/x.jpg?id=94", "https://a.com/x.jpg?id=940"),
        ("https://thumbs/x.jpg", "https://large/x.jpg"),
        ("http://a.com/x.jpg", "https://a.com/x.jpg"),
    ],
)
def test_photos_that_only_look_alike_are_all_kept(urls: tuple[str, ...]) -> None:
    assert [candidate.url for candidate in choose(urls, 20).chosen] == list(urls)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://www.facebook.com/tr?id=1&ev=PageView", Why.TRACKING_PIXEL),
        ("https://stats.g.doubleclick.net/r/collect", Why.TRACKING_PIXEL),
        ("https://www.google-analytics.com/collect?v=1", Why.TRACKING_PIXEL),
        ("https://a.com/images/pixel.gif?x=1", Why.TRACKING_PIXEL),
        ("https://a.com/images/SPACER.GIF", Why.TRACKING_PIXEL),
        ("https://a.com/img-1x1.png", Why.TRACKING_PIXEL),
        ("https://a.com/favicon.png", Why.ICON),
        ("https://a.com/favicon.ico", Why.ICON),
        ("https://a.com/apple-touch-icon-180x180.png", Why.ICON),
        ("https://a.com/assets/logo.png", Why.ICON),
        ("https://a.com/assets/dealer-logo_white@2x.png", Why.ICON),
        ("https://a.com/css/sprites.png", Why.ICON),
        ("https://a.com/img/icons/phone.png", Why.ICON),
        ("https://a.com/img/facebook.png", Why.ICON),
        ("https://secure.gravatar.com/avatar/0?s=96", Why.ICON),
        ("https://a.com/badge.svg", Why.SVG),
        ("https://a.com/badge.svg?v=2", Why.SVG),
        ("data:image/svg+xml;utf8,<svg/>", Why.SVG),
    ],
)
def test_page_furniture_is_left_out(url: str, reason: Why) -> None:
    assert why(url) == [reason]


@pytest.mark.parametrize(
    "url",
    [
        "https://a.com/photos/logo-delivery-van.jpg",
        "https://a.com/photos/ford-logo-closeup.jpg",
        "https://a.com/photos/iconic-bronco.jpg",
        "https://a.com/photos/icon-4x4-bronco.jpg",
        "https://a.com/photos/instagram-worthy-911.jpg",
        "https://a.com/icons/911.jpg",
        "https://a.com/sprite-austin-healey.jpg",
        "https://a.com/1966-austin-healey-sprite.jpg",
        "https://a.com/photos/11x1.jpg",
        "https://a.com/google-pixel-holder.png",
        "https://www.facebook.com/photo.jpg",
        "https://notdoubleclick.net/a.jpg",
        "https://a.com/a.jpg?from=b.svg",
    ],
)
def test_photos_with_a_furniture_like_name_stay(url: str) -> None:
    assert only(url) == url


def test_the_cap_cuts_in_gallery_order_and_noise_does_not_count() -> None:
    gallery = ["https://a.com/logo.png", *(f"https://a.com/{n}.jpg" for n in range(3)), "https://a.com/0.jpg"]
    candidates = choose(gallery, 2)
    assert candidates.chosen == (
        Candidate(0, "https://a.com/0.jpg", "a.com"),
        Candidate(1, "https://a.com/1.jpg", "a.com"),
    )
    assert [(left.index, left.why, left.of) for left in candidates.left_out] == [
        (0, Why.ICON, None),
        (3, Why.OVER_CAP, None),
        (4, Why.DUPLICATE, 0),
    ]
