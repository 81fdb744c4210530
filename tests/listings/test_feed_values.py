from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.listings import values

NEXT_YEAR = datetime.now(UTC).year + 1


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("12500", 12500.0),
        ("$12,500.00", 12500.0),
        ("12,500 USD", 12500.0),
        ("12.500,50 €", 12500.5),
        ("1 234 567", 1234567.0),
        ("1'234'567.-", 1234567.0),
        ("1.234.567", 1234567.0),
        ("12,5", 12.5),
        ("0.99", 0.99),
        (7, 7.0),
        (7.5, 7.5),
        ("call us", None),
        ("-5", None),
        ("", None),
        (True, None),
        (None, None),
        (float("nan"), None),
        (10**400, None),
        ("9" * 500, None),
    ],
)
def test_prices(cell: object, expected: float | None) -> None:
    assert values.price(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [("12,345 miles", 12345), ("100 km", 62), (0, 0), ("12.345 mi", 12345), (-1, None), ("99999999999", None)],
)
def test_mileages(cell: object, expected: int | None) -> None:
    assert values.miles(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (2019, 2019),
        ("2019", 2019),
        ("2019.0", 2019),
        ("2019.5", None),
        (19, None),
        ("1884", None),
        (1885, 1885),
        (NEXT_YEAR, NEXT_YEAR),
        (NEXT_YEAR + 1, None),
    ],
)
def test_years(cell: object, expected: int | None) -> None:
    assert values.year(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (" 1ftex1eb0kfa12345 ", "1FTEX1EB0KFA12345"),
        ("1FTEX-1EB0K-FA12345", "1FTEX1EB0KFA12345"),
        ("12345678901", "12345678901"),
        ("1234567890", None),
        ("1FTEX1EB0KFA123456", None),
        ("XXXXXXXXXXXXXXXXX", None),
        ("00000000000000000", None),
        ("TBDTBDTBDTBDTBD", None),
        ("1FTEX1EB0KFA1234é", None),
        (None, None),
    ],
)
def test_vins(cell: object, expected: str | None) -> None:
    assert values.vin(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"), [("Yes", True), ("0", False), (True, True), (0, False), ("maybe", None), ("private", False)]
)
def test_yes_and_no(cell: object, expected: bool | None) -> None:
    assert values.truth(cell) is expected


any_cell = st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.booleans(), st.lists(st.text(), max_size=3))


@given(any_cell)
def test_no_cell_breaks_a_reader(cell: object) -> None:
    for read in (values.text, values.vin, values.year, values.miles, values.price, values.truth, values.urls):
        read(cell)


@given(st.lists(st.from_regex(r"https?://[a-z]{1,5}/[a-z,?&=;|]{0,8}[a-z]", fullmatch=True), max_size=5))
def test_urls_with_separators_in_them_survive_a_cell(urls: list[str]) -> None:
    assert values.urls(",".join(urls)) == urls
