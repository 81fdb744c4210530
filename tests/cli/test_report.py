from __future__ import annotations

import math
from dataclasses import replace

from tui.cli.report import dry_run_object, run_object, status_object, table
from tui.model import Counts, HostPace, Phase, Placeholder, RunOptions, Snapshot, Tally, VehicleResult

GOOD = VehicleResult("a", "1967 Porsche 911", "success", 12, 11)
BAD = VehicleResult("b", "1972 BMW 2002", "failed", 3, 0, "not found ×3")


def snapshot(tally: Tally) -> Snapshot:
    return Snapshot("run-1", Phase.FINISHED, RunOptions(), elapsed=1.23456, tally=tally)


def test_a_run_answers_in_the_shape_of_the_original_function_and_more() -> None:
    tally = Tally(stored=11, duplicate=1, refused=3, bytes=900, refusals={"not_found": 3})
    shown = Placeholder("img.a.example", 7, "http://img.a.example/soon.jpg")
    assert run_object([GOOD, BAD], replace(snapshot(tally), similar=2, placeholders=(shown,))) == {
        "success": True,
        "processed": 2,
        "successful": 1,
        "failed": 1,
        "total_images_inserted": 11,
        "results": [
            {
                "vehicle_id": "a",
                "vehicle_name": "1967 Porsche 911",
                "status": "success",
                "image_urls_count": 12,
                "images_inserted": 11,
                "error": None,
            },
            {
                "vehicle_id": "b",
                "vehicle_name": "1972 BMW 2002",
                "status": "failed",
                "image_urls_count": 3,
                "images_inserted": 0,
                "error": "not found ×3",
            },
        ],
        "run_id": "run-1",
        "elapsed_s": 1.235,
        "bytes": 900,
        "images": {"stored": 11, "duplicate": 1, "refused": 3, "deferred": 0},
        "similar": 2,
        "placeholders": [{"host": "img.a.example", "vehicles": 7, "example_url": "http://img.a.example/soon.jpg"}],
        "refusals": {"not_found": 3},
        "hosts": [],
    }


def test_hosts_that_were_asked_less_often_are_told_in_the_words_of_the_screen() -> None:
    seen = replace(
        snapshot(Tally()),
        hosts=(
            HostPace("fine.example", math.inf, 16, 2, ceiling=math.inf),
            HostPace("slow.example", 87.125, 16, 2, ceiling=math.inf),
            HostPace("dead.example", 4.0, 4, 0, 11.25, "timeout, 8 in a row", 4.0, open=True),
        ),
    )
    assert run_object([], seen)["hosts"] == [
        {
            "host": "slow.example",
            "rate": 87.12,
            "ceiling": None,
            "open": False,
            "wait_s": 0.0,
            "trouble": "narrowed",
        },
        {
            "host": "dead.example",
            "rate": 4.0,
            "ceiling": 4.0,
            "open": True,
            "wait_s": 11.2,
            "trouble": "down (timeout, 8 in a row), next try in 12 s",
        },
    ]


def test_nothing_to_do_says_so() -> None:
    answer = run_object([], snapshot(Tally()))
    assert (answer["processed"], answer["results"]) == (0, [])
    assert answer["message"]


def test_a_dry_run_inserts_nothing() -> None:
    answer = dry_run_object([VehicleResult("a", "A", "dry_run", 12, 0)])
    assert (answer["processed"], answer["total_images_inserted"], answer["dry_run"]) == (1, 0, True)


def test_status_begins_with_the_two_counts_of_the_original() -> None:
    answer = status_object(Counts(needing=9, backfilled=4, ready=6, parked=2, empty=1, partial=3))
    assert list(answer)[:2] == ["vehicles_needing_backfill", "vehicles_backfilled"]
    assert answer["vehicles_needing_backfill"] == answer["ready"] + answer["parked"] + answer["empty"]


def test_columns_are_aligned_each_to_its_side() -> None:
    assert table({"name": "<", "n": ">"}, [("long name", 1), ("x", 1204)]).split("\n") == [
        "name           n",
        "long name      1",
        "x          1,204",
    ]
