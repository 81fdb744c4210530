from collections import Counter

import pytest

from tui.demo import build_world
from tui.demo.answers import Answers, Reply
from tui.demo.galleries import Photo
from tui.demo.temperaments import HOSTS, LIMIT, RETRY_AFTER, WINDOW, Manner

WORLD = build_world()


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def answers(clock: Clock) -> Answers:
    return Answers(WORLD, clock)


def photos_of(manner: Manner) -> list[Photo]:
    return [photo for photo in WORLD.photos() if HOSTS[photo.host] is manner][:80]


def ask(answers: Answers, photo: Photo) -> Reply:
    return answers.answer(photo.host, photo.target)


def test_a_limited_host_turns_away_who_asks_too_fast(answers: Answers) -> None:
    replies = [ask(answers, photo) for photo in photos_of(Manner.LIMITED)[: LIMIT + 5]]
    assert Counter(reply.status for reply in replies) == {200: LIMIT, 429: 5}
    assert replies[-1].headers == (("Retry-After", str(RETRY_AFTER)),)


def test_a_limited_host_serves_again_after_what_it_asked_for(answers: Answers, clock: Clock) -> None:
    photos = photos_of(Manner.LIMITED)
    for photo in photos[:LIMIT]:
        ask(answers, photo)
    assert ask(answers, photos[LIMIT]).status == 429
    clock.now += WINDOW
    assert ask(answers, photos[LIMIT]).status == 200


def test_no_pace_makes_a_limited_host_refuse_for_good(answers: Answers) -> None:
    photos = photos_of(Manner.LIMITED)[: LIMIT + 20]
    assert [200 for photo in photos if 200 in [ask(answers, photo).status for _ in range(3)]] == [200] * len(photos)


def test_a_flaky_host_fails_once_for_some_paths(answers: Answers) -> None:
    photos = photos_of(Manner.FLAKY)
    first, second = ([ask(answers, photo).status for photo in photos] for _ in range(2))
    assert set(second) == {200}
    assert set(first) == {200, 503}
    assert 0.1 < first.count(503) / len(first) < 0.5


def test_what_fails_at_first_does_not_depend_on_the_order(answers: Answers) -> None:
    photos = photos_of(Manner.FLAKY)
    failed = {photo for photo in photos if ask(answers, photo).status == 503}
    again = Answers(WORLD, Clock())
    assert {photo for photo in reversed(photos) if ask(again, photo).status == 503} == failed


@pytest.mark.parametrize(
    ("host", "target"),
    [
        ("img.hillcountry.example", "/"),
        ("img.hillcountry.example", "/inventory/none/01.jpg"),
        ("img.hillcountry.example", "/moved/9/~img.hillcountry.example/x"),
        ("img.hillcountry.example", "/moved/1/~nowhere.example/x"),
        ("nowhere.example", "/a.jpg"),
        ("", "/\x00"),
    ],
)
def test_what_is_not_there_is_not_found(answers: Answers, host: str, target: str) -> None:
    assert answers.answer(host, target).status == 404
