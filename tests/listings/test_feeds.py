"""Feeds in every shape that dealers send, good lines and bad ones."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tui.listings.feeds import BadLine, read_feed
from tui.listings.lines import LONGEST_LINE
from tui.model import Listing, Problem

VIN = "1FTEX1EB0KFA12345"

GOOGLE = """\
VIN,Make,Model,Trim,Year,Mileage,Price,Dealership_Name,Link,Image_Link,Additional_Image_Link,color
1ftex1eb0kfa12345,Ford,F-150,XLT,2019,"12,345 miles","12,500 USD",Acme Motors,https://acme.example/1,\
https://i.example/1.jpg,"https://i.example/2.jpg?w=1,h=2,https://i.example/3.jpg, //cdn.example/4.jpg",red
"""


def read(path: Path, content: str | bytes, **options: str) -> list[Listing | BadLine]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_feed(path, **options))


def listings(records: list[Listing | BadLine]) -> list[Listing]:
    assert all(isinstance(record, Listing) for record in records), records
    return [record for record in records if isinstance(record, Listing)]


def faults(records: list[Listing | BadLine]) -> dict[int, str]:
    return {record.line: record.reason for record in records if isinstance(record, BadLine)}


def test_the_columns_of_googles_feed(tmp_path: Path) -> None:
    assert read(tmp_path / "feed.csv", GOOGLE) == [
        Listing(
            identity=f"vin:{VIN}",
            organization="Acme Motors",
            vin=VIN,
            year=2019,
            make="Ford",
            model="F-150",
            trim="XLT",
            mileage=12345,
            price=12500.0,
            link="https://acme.example/1",
            image_urls=(
                "https://i.example/1.jpg",
                "https://i.example/2.jpg?w=1,h=2",
                "https://i.example/3.jpg",
                "//cdn.example/4.jpg",
            ),
            extra={"color": "red"},
        )
    ]


@pytest.mark.parametrize("name", ["feed.tsv", "feed.txt", "feed"])
def test_tabs_and_a_byte_order_mark(tmp_path: Path, name: str) -> None:
    content = b"\xef\xbb\xbfvin\timage_link\r\n" + VIN.encode() + b"\thttp://a/1.jpg\r\n\r\n"
    (listing,) = listings(read(tmp_path / name, content))
    assert (listing.vin, listing.image_urls) == (VIN, ("http://a/1.jpg",))


@pytest.mark.parametrize("name", ["feed.jsonl", "feed.ndjson", "feed.json", "feed.txt"])
def test_json_lines(tmp_path: Path, name: str) -> None:
    line = {
        "vin": VIN,
        "Year": 2020,
        "is_public": False,
        "title": "A car",
        "image_urls": ["http://a/1.jpg", None, {"url": "http://a/2.jpg"}, "http://a/1.jpg", ""],
        "options": {"seats": ["heated"]},
    }
    (listing,) = listings(read(tmp_path / name, "\n" + json.dumps(line) + "\n\n", organization="Acme"))
    assert listing.image_urls == ("http://a/1.jpg", "http://a/2.jpg")
    assert (listing.year, listing.is_public, listing.title, listing.organization) == (2020, False, "A car", "Acme")
    assert listing.extra == {"options": {"seats": ["heated"]}}


def test_a_compressed_feed(tmp_path: Path) -> None:
    assert len(listings(read(tmp_path / "feed.csv.gz", gzip.compress(GOOGLE.encode())))) == 1
    whole = gzip.compress(GOOGLE.encode() * 1000)
    with pytest.raises(Problem, match="gzip"):
        read(tmp_path / "cut.csv.gz", whole[: len(whole) // 2])


@pytest.mark.parametrize(
    "cell",
    [
        '["http://a/1.jpg", "http://a/2.jpg"]',
        "http://a/1.jpg http://a/2.jpg",
        "http://a/1.jpg|http://a/2.jpg",
        "http://a/1.jpg,http://a/2.jpg",
        " http://a/1.jpg ,\n http://a/2.jpg, ",
    ],
)
def test_a_list_of_urls_in_one_cell(tmp_path: Path, cell: str) -> None:
    quoted = cell.replace('"', '""')
    (listing,) = listings(read(tmp_path / "feed.csv", f'vin,image_urls\n{VIN},"{quoted}"\n'))
    assert listing.image_urls == ("http://a/1.jpg", "http://a/2.jpg")


def test_a_semicolon_separates_too(tmp_path: Path) -> None:
    (listing,) = listings(read(tmp_path / "feed.csv", f"VIN;Make;Price\n{VIN};Škoda;12.500,00 EUR\n"))
    assert (listing.make, listing.price) == ("Škoda", 12500.0)


def test_identity_is_the_vin_else_the_link_else_the_content(tmp_path: Path) -> None:
    rows = (
        f"vin,link,make\n{VIN.lower()},http://a/1,Ford\nN/A,http://a/1,Ford\n00000000000000000,,Ford\n,,Ford\n,,Kia\n"
    )
    one, two, three, four, five = listings(read(tmp_path / "feed.csv", rows))
    assert one.identity == f"vin:{VIN}"
    assert two.identity == "link:http://a/1"
    assert two.extra == {"vin": "N/A"}
    assert len({record.identity for record in (three, four, five)}) == 3
    assert four.identity.startswith("content:")
    (again,) = listings(read(tmp_path / "again.csv", "make,vin\nFord,\n"))
    assert again == four


def test_the_fallback_organization_is_no_part_of_the_identity(tmp_path: Path) -> None:
    (one,) = listings(read(tmp_path / "feed.csv", "make\nFord\n", organization="A"))
    (two,) = listings(read(tmp_path / "feed.csv", "make\nFord\n", organization="B"))
    assert one.identity == two.identity


def test_bad_lines_of_json_are_told_and_the_rest_goes_in(tmp_path: Path) -> None:
    good = json.dumps({"vin": VIN}).encode()
    deep = b'{"vin": "' + VIN.encode() + b'", "x": ' + b"[" * 300 + b"]" * 300 + b"}"
    deeper = b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    bad = [b'{"vin": ', b"[1]", b'"text"', b'{"color": "red"}', b'{"vin": "\xff"}', b'{"price": NaN, "make": "x"}']
    bad += [b'{"price": 1e999, "make": "x"}', deep, deeper, b'{"make": ' + b"9" * 5000 + b"}"]
    records = read(tmp_path / "feed.jsonl", b"\n".join([good, *bad, b"", good]))
    found = faults(records)
    assert list(found) == list(range(2, 12))
    assert found[2].startswith("not JSON: ")
    assert found[3] == "not a JSON object"
    assert found[5] == "nothing in it tells of a vehicle"
    assert found[6] == "not UTF-8 at byte 10 of the line"
    assert found[9] == "nested deeper than 50 levels"
    assert len(records) == 12


def test_text_that_no_database_takes_is_mended(tmp_path: Path) -> None:
    line = r'{"make": "a\ud800b", "model": "x\u0000y", "trim": "\ud83d\ude97", "color": {"\udfff": "\udfff"}}'
    (listing,) = listings(read(tmp_path / "feed.jsonl", line))
    assert (listing.make, listing.model, listing.trim) == ("a?b", "x y", "🚗")
    assert listing.extra == {"color": {"?": "?"}}


def test_an_absurdly_long_line_is_passed_over(tmp_path: Path) -> None:
    good = json.dumps({"vin": VIN}).encode() + b"\n"
    records = read(tmp_path / "feed.jsonl", good + b"x" * (2 * LONGEST_LINE + 5) + b"\n" + good)
    assert faults(records) == {2: "the line is longer than 10 MB"}
    assert len(records) == 3


def test_bad_rows_of_a_table_are_told_and_the_rest_goes_in(tmp_path: Path) -> None:
    content = b"vin,make,image_link\n" + b"\n".join(
        [
            b"1FTEX1EB0KFA00001,Ford,http://a/1.jpg",
            b"1FTEX1EB0KFA00002,Ford,http://a/1.jpg,surplus",
            b"1FTEX1EB0KFA00003,Ford,http://a/1.jpg,,",
            b"1FTEX1EB0KFA00004,F\xffrd,",
            b'1FTEX1EB0KFA00005,"For\nd",',
            b"",
            b",,",
            b"1FTEX1EB0KFA00006",
            b"?,,",
            b'1FTEX1EB0KFA00007,"never closed,',
            b"1FTEX1EB0KFA00008,Ford,",
        ]
    )
    records = read(tmp_path / "feed.csv", content)
    assert faults(records) == {
        3: "4 cells under 3 columns",
        5: "not UTF-8 at byte 20 of the line",
        11: "nothing in it tells of a vehicle",
        12: "a quote is never closed",
    }
    vins = [record.vin for record in records if isinstance(record, Listing) and record.vin]
    assert [int(vin[-1]) for vin in vins] == [1, 3, 5, 6, 8]


def test_an_open_quote_costs_its_own_line_however_far_it_reaches(tmp_path: Path) -> None:
    rows = [f"1FTEX1EB0KFA{n:05},Ford\n" for n in range(20_000)]
    rows[100] = '1FTEX1EB0KFA00100,"Ford\n'
    records = read(tmp_path / "feed.csv", "vin,make\n" + "".join(rows))
    assert list(faults(records)) == [102]
    assert len(records) == 20_000


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("feed.csv", b"", "is empty"),
        ("feed.jsonl", b"\n \n", "is empty"),
        ("feed.csv", b"a,b,c\n1,2,3\n", "no column known here"),
        ("feed.csv", b"\x00\x01\x02", "no column known here"),
        ("feed.json", b'[{"vin": 1}]', "one JSON array"),
        ("feed.csv", "vin,make\n".encode("utf-16"), "UTF-16"),
        ("feed.xlsx", b"PK\x03\x04....", "spreadsheet"),
        ("feed.xml", b"<?xml version='1.0'?>", "XML"),
    ],
)
def test_what_is_no_feed_is_one_sentence(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    with pytest.raises(Problem, match=words) as caught:
        read(tmp_path / name, content)
    assert str(caught.value).startswith(str(tmp_path / name))
    assert str(caught.value).endswith(".")


def test_what_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="There is no file"):
        read_feed(tmp_path / "none.csv")
    with pytest.raises(Problem, match="is a folder"):
        read_feed(tmp_path)


@pytest.mark.parametrize("name", ["feed.csv", "feed.jsonl"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, name: str) -> None:
    rows = {"feed.csv": f"{VIN},{'x' * 1000}\n", "feed.jsonl": json.dumps({"vin": VIN, "x": "x" * 1000}) + "\n"}
    path = tmp_path / name
    path.write_text("vin,x\n" * (name == "feed.csv") + rows[name] * 5_000)
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_feed(path)) == 5_000
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_how_far_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "feed.jsonl"
    path.write_text(json.dumps({"vin": VIN, "padding": "x" * 5000}) * 1 + "\n" + '{"make": "a"}\n' * 50_000)
    feed = read_feed(path)
    next(feed)
    assert 0 < feed.fraction < 0.5
    feed.close()
    feed.close()


@given(st.binary(max_size=400), st.sampled_from(["feed.csv", "feed.tsv", "feed.jsonl", "feed", "feed.csv.gz"]))
def test_no_bytes_break_it(tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str) -> None:
    path = tmp_path_factory.mktemp("any") / name
    path.write_bytes(b"vin,make,image_link\n" * (name != "feed") + content)
    try:
        records = list(read_feed(path))
    except Problem:
        return
    numbers = [record.line for record in records if isinstance(record, BadLine)]
    assert numbers == sorted(set(numbers))


def test_a_carriage_return_in_the_header_is_no_header(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes(b"vin,ma\rke,link\n")
    with pytest.raises(Problem, match="no column known here"):
        list(read_feed(path))


@example([["", ""], ['"', '";', '"']])
@given(st.lists(st.lists(st.text(alphabet='a",\n ;\t', max_size=6), min_size=2, max_size=3), max_size=8))
def test_every_line_of_a_table_is_read_or_told(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]) -> None:
    path = tmp_path_factory.mktemp("any") / "feed.csv"
    end = "1FTEX1EB0KFA00008,Ford\n"
    path.write_text("vin,make\n" + "\n".join(",".join(row) for row in rows) + "\n" + end, newline="")
    last = list(read_feed(path))[-1]
    assert isinstance(last, Listing)
    assert last.vin == end[:17]
