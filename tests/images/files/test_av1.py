"""The sequence headers that encoders write, and those that none at hand writes, bit by bit."""

from __future__ import annotations

import pytest

from tests.images.photos import drawing, encoded
from tui.images.files import av1
from tui.images.files.av1 import WORST, Sequence, sequences
from tui.images.files.avif import layout


def memory(mode: str = "RGB", **options: object) -> float:
    image = drawing(100, 100).convert(mode)
    if mode == "RGBA":
        image.putalpha(7)
    data = encoded(image, "AVIF", speed=10, **options)
    return layout(data).memory / 10_000


def about(*planes: Sequence) -> object:
    return pytest.approx(sum(sequence.memory for sequence in planes), rel=1e-3)


def test_the_memory_of_what_pillow_writes_is_that_of_its_planes() -> None:
    assert memory(subsampling="4:2:0") == about(Sequence(1.5, grain=False))
    assert memory(subsampling="4:2:2") == about(Sequence(2, grain=False))
    assert memory(subsampling="4:4:4") == about(Sequence(3, grain=False))
    assert memory("L") == about(Sequence(1, grain=False))
    assert memory("RGBA") == about(Sequence(1.5, grain=False), Sequence(1, grain=False))
    assert memory(advanced={"film-grain-test": "1"}) == about(Sequence(1.5, grain=True))
    assert memory(save_all=True, append_images=[drawing(100, 100)]) == about(WORST)


STILL, SIZE, MOVING = "1 1 00000", "0000 0000 0 0", "0 0"
LEVELS, TOOLS = "000000000000 01000 1 1 000000000 1 0000 000000000000 00111 0 0", "000 1111 0 1 1 000"
PLAIN = "0 0 0 00 0"
"""The colours of profile 0 behind the flag for more than 8 bits, up to where grain is told."""

HEADERS: dict[str, tuple[str, Sequence]] = {
    "still": (f"000 {STILL} {SIZE} 000 000 0 {PLAIN} 0", Sequence(1.5, grain=False)),
    "deep": (f"000 {STILL} {SIZE} 000 000 1 {PLAIN} 1", Sequence(3, grain=True)),
    "RGB": (f"001 {STILL} {SIZE} 000 000 0 1 {1:08b} {13:08b} {0:08b} 0 0", Sequence(3, grain=False)),
    "twelve bits": (f"010 {STILL} {SIZE} 000 000 1 1 0 0 0 1 0 0 1", Sequence(4, grain=True)),
    "grey": (f"000 {STILL} {SIZE} 000 000 0 1 0 0 0", Sequence(1, grain=False)),
    "with a clock": (
        f"000 {MOVING} 1 {'01' * 32} 1 00101 1 00011 {'01' * 21} 1 00001 {LEVELS} {SIZE} 1 0000000 {TOOLS} 0 {PLAIN} 1",
        Sequence(1.5, grain=True),
    ),
    "with an order": (
        f"000 {MOVING} 0 0 00000 000000000000 00000 {SIZE} 0 000 0000 1 00 0 1 0 0 000 000 0 {PLAIN} 1",
        Sequence(1.5, grain=True),
    ),
}


def packed(bits: str) -> bytes:
    bits = bits.replace(" ", "")
    padded = bits + "1" + "0" * (-len(bits) - 1 & 7)
    return int(padded, 2).to_bytes(len(padded) // 8)


def unit(kind: int, payload: bytes) -> bytes:
    return bytes((kind << 3 | 2, len(payload))) + payload


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_tells_the_samples_and_the_grain(name: str) -> None:
    bits, found = HEADERS[name]
    data = unit(2, b"") + unit(1, packed(bits)) + unit(6, bytes(99))
    assert list(sequences(data, 0, len(data))) == [found]
    extended = bytes((1 << 3 | 4, 0)) + packed(bits)
    assert list(sequences(extended, 0, len(extended))) == [found]


def test_what_cannot_be_read_is_the_worst() -> None:
    assert list(sequences(unit(1, b"\x18"), 0, 3)) == [WORST]
    assert list(sequences(b"\x12\0" * 50, 0, 100)) == [WORST]
    assert list(sequences(b"\x32" + b"\xff" * 9, 0, 10)) == []
    assert av1.MOST_OBUS < 50
