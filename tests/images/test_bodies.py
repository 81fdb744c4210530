from __future__ import annotations

import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.images.bodies import IN_MEMORY, Incoming, Memory


async def kept(memory: Memory, *pieces: bytes, announced: int = 0) -> tuple[bytes, bool]:
    """What was kept, and whether it is on disk."""
    body = Incoming(memory, announced)
    for piece in pieces:
        await body.write(piece)
    with await body.whole() as content:
        try:
            content.fileno()
        except OSError:
            on_disk = False
        else:
            on_disk = True
        assert body.size == sum(map(len, pieces))
        return content.read(), on_disk


@pytest.mark.parametrize(
    ("room", "sizes", "announced", "on_disk"),
    [
        (IN_MEMORY, [1], 0, False),
        (IN_MEMORY, [IN_MEMORY], 0, False),
        (IN_MEMORY, [IN_MEMORY, 1], 0, True),
        (4 * IN_MEMORY, [IN_MEMORY + 1], 0, True),
        (10, [10], 0, False),
        (10, [5, 5, 1, 1], 0, True),
        (0, [1], 0, True),
        (4 * IN_MEMORY, [10], 10, False),
        (4 * IN_MEMORY, [10, 10], IN_MEMORY + 1, True),
    ],
)
async def test_a_body_is_whole_wherever_it_is_kept(room: int, sizes: list[int], announced: int, on_disk: bool) -> None:
    memory = Memory(room)
    pieces = [bytes([number]) * size for number, size in enumerate(sizes)]
    assert await kept(memory, *pieces, announced=announced) == (b"".join(pieces), on_disk)
    assert memory.room == room


async def test_room_comes_back_however_a_body_ends() -> None:
    memory = Memory(1000)
    closed, forgotten, read = (Incoming(memory) for _ in range(3))
    for body in (closed, forgotten, read):
        await body.write(bytes(300))
    assert memory.room == 100
    closed.close()
    closed.close()
    del forgotten
    gc.collect()
    (await read.whole()).close()
    assert memory.room == 1000


@given(st.lists(st.integers(0, 100)), st.integers(0, 500))
def test_no_more_room_is_given_than_there_is(sizes: list[int], room: int) -> None:
    memory = Memory(room)
    given_away = [size for size in sizes if memory.take(size)]
    assert 0 <= memory.room == room - sum(given_away)
    for size in given_away:
        memory.give_back(size)
    assert memory.room == room
