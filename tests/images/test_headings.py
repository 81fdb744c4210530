from __future__ import annotations

import pytest

from tui.images.headings import Headings

HEADINGS = Headings({"Accept": "image/*"}, {"a.test": {"Referer": "https://www.example.com/"}})


@pytest.mark.parametrize(
    ("first", "url", "told"),
    [
        ("https://a.test/x", "https://a.test/x", True),
        ("https://a.test/x", "https://a.test/y", True),
        ("http://a.test/x", "http://a.test/y", True),
        ("http://a.test:8080/x", "http://a.test:8080/y", True),
        ("http://a.test/x", "https://a.test/x", True),
        ("http://a.test:8080/x", "https://a.test/x", True),
        ("https://b.test/x", "https://a.test/x", True),
        ("http://b.test/x", "http://a.test/x", True),
        ("https://a.test/x", "http://a.test/x", False),
        ("https://b.test/x", "http://a.test/x", False),
        ("https://a.test/x", "https://a.test:8443/x", False),
        ("http://a.test/x", "http://a.test:8080/x", False),
        ("http://a.test:8080/x", "http://a.test/x", False),
        ("http://a.test:8443/x", "https://a.test:8443/x", False),
        ("https://a.test/x", "https://b.test/x", False),
    ],
)
def test_what_is_meant_for_a_host_goes_where_it_was_asked_first_and_never_in_the_clear_after_tls(
    first: str, url: str, told: bool
) -> None:
    heading = HEADINGS.of(url, first)
    assert ("Referer" in heading) is told
    assert heading["Accept"] == "image/*"
