"""WebP of every size through libwebp itself, held against Pillow's full decode."""

from __future__ import annotations

import io
import random
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.images.boxes import webp
from tests.images.files.test_damage import CHANGES, held, over, photo, seen
from tests.images.photos import drawing, encoded
from tui.images.files import decode, libwebp
from tui.images.files.inspect import Facts, inspect
from tui.model import Reason

WAYS: dict[str, dict[str, Any]] = {
    "lossy": {"quality": 80, "method": 0},
    "nearly lossless": {"quality": 100, "method": 4},
    "lossless": {"lossless": True, "method": 0},
}


LEAST = {("noise", "lossless"): 6, ("two pieces swapped", "lossless"): 1, ("another file inside", "lossless"): 9}
"""Of 12; a decoder of Huffman codes may find its place again by chance, after as many pixels as there were."""


@cache
def shot(way: str, mode: str = "RGB") -> bytes:
    """A WebP of some 100 KB, detailed everywhere."""
    image = Image.open(io.BytesIO(photo())).convert(mode)
    if mode == "RGBA":
        image.putalpha(drawing(*image.size).convert("L"))
    return encoded(image, "WEBP", **WAYS[way])


def length_corrected(data: bytes) -> bytes:
    """A simple WebP whose headers tell what length it has now."""
    even = data[: len(data) // 2 * 2]
    return (
        even[:4]
        + (len(even) - 8).to_bytes(4, "little")
        + even[8:16]
        + (len(even) - 20).to_bytes(4, "little")
        + even[20:]
    )


def noisy(data: bytes) -> bytes:
    return over(data, len(data) // 2, random.Random(3).randbytes(4096))


@pytest.mark.skipif(not libwebp.reachable(), reason="this Pillow hides its libwebp")
class TestLarge:
    @pytest.mark.parametrize("way", ["lossy", "lossless"])
    def test_noise_inside_of_a_photo_of_12_megapixels_is_found(self, way: str) -> None:
        data = encoded(tiled(Image.open(io.BytesIO(photo()))), "WEBP", **WAYS[way] | {"quality": 0})
        facts = seen(data)
        assert isinstance(facts, Facts)
        assert (facts.width, facts.height, bool(facts.perceptual_hash)) == (4032, 3024, True)
        assert seen(noisy(data)) is Reason.CORRUPT

    def test_a_lossless_one_that_needs_too_much_memory_is_proved_by_its_structure(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(decode, "MOST_MEMORY", 600 * 400 * 4)
        facts = seen(noisy(shot("lossless")))
        assert isinstance(facts, Facts)
        assert not facts.perceptual_hash
        assert seen(noisy(shot("lossy"))) is Reason.CORRUPT


def tiled(image: Image.Image) -> Image.Image:
    """4032x3024 pixels of copies beside each other."""
    large = Image.new("RGB", (4032, 3024))
    for left in range(0, large.width, image.width):
        for top in range(0, large.height, image.height):
            large.paste(image, (left, top))
    return large


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (17, 33), (143, 129), (640, 431)])
def test_what_libwebp_writes_is_whole(size: tuple[int, int], way: str, mode: str) -> None:
    image = drawing(*size).convert(mode)
    if mode == "RGBA":
        image.putalpha(drawing(*size, seed=2).convert("L"))
    for options in ({}, {"exact": True}, {"exif": b"Exif\0\0", "icc_profile": b"abc"}, {"alpha_quality": 10}):
        facts = held(encoded(image, "WEBP", **WAYS[way] | options))
        assert isinstance(facts, Facts)
        assert (facts.width, facts.height) == size
        assert facts.preview is not None


@pytest.mark.parametrize("way", WAYS)
def test_it_looks_as_pillow_shows_it(way: str) -> None:
    facts = seen(shot(way))
    with Image.open(io.BytesIO(shot(way))) as image:
        other = decode._glance(*image.size, image)
    assert isinstance(facts, Facts)
    assert (int(facts.perceptual_hash, 16) ^ int(other.perceptual_hash, 16)).bit_count() <= 6


def test_the_first_frame_of_an_animation_is_decoded() -> None:
    frames = [drawing(300, 200, seed) for seed in (2, 3)]
    data = encoded(drawing(300, 200), "WEBP", save_all=True, append_images=frames, method=0)
    assert isinstance(held(data), Facts)
    at = data.index(b"ANMF") + 900
    noises = (data[:at] + random.Random(seed).randbytes(2048) + data[at + 2048 :] for seed in range(9))
    assert all(seen(noise) is Reason.CORRUPT for noise in noises)


@pytest.mark.skipif(not libwebp.reachable(), reason="this Pillow hides its libwebp")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("change", CHANGES)
def test_damage_that_a_decoder_bears_is_found(change: str, way: str) -> None:
    data, rng = shot(way), random.Random(change)
    places = [rng.randrange(len(data) // 6, len(data) - 5000) for _ in range(12)]
    found = [seen(length_corrected(CHANGES[change](data, at, rng))) is Reason.CORRUPT for at in places]
    assert sum(found) >= LEAST.get((change, way), 11)


@pytest.mark.skipif(not libwebp.reachable(), reason="this Pillow hides its libwebp")
@pytest.mark.parametrize("way", WAYS)
def test_a_picture_may_have_some_bytes_left_over_and_no_more(way: str) -> None:
    data = shot(way)
    kind, payload = data[12:16], data[20:]
    assert isinstance(seen(webp((kind, payload + bytes(libwebp.MOST_SPARE - 4)))), Facts)
    assert seen(webp((kind, payload + bytes(libwebp.MOST_SPARE + 8)))) is Reason.CORRUPT


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", [1000, 30_000])
def test_a_file_on_disk_is_read_in_pieces(
    size: int, way: str, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = shot(way, mode)
    monkeypatch.setattr(libwebp, "PIECE", size)
    monkeypatch.setattr("tui.images.files.inspect.IN_MEMORY", 1000)
    for content, verdict in ((data, seen(data)), (noisy(data), Reason.CORRUPT)):
        (tmp_path / "photo.webp").write_bytes(content)
        with (tmp_path / "photo.webp").open("r+b") as file:
            if isinstance(verdict, Facts):
                assert inspect(file) == verdict
            else:
                with pytest.raises(Exception, match="decode"):
                    inspect(file)


@pytest.mark.parametrize("limit", [10**9, 600 * 400 * 8])
def test_a_pillow_that_hides_its_libwebp_decodes_what_it_can(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libwebp, "_LIBRARY", None)
    monkeypatch.setattr(decode, "MOST_MEMORY", limit)
    facts = held(shot("lossless"))
    assert isinstance(facts, Facts)
    assert bool(facts.perceptual_hash) is (limit == 10**9)
    damaged = over(shot("lossless"), 200_000, b"\xff" * 4096)
    assert (seen(damaged) is Reason.CORRUPT) is (limit == 10**9)
