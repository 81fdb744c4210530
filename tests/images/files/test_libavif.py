"""AVIF of every size through libavif itself, held against Pillow's full decode."""

from __future__ import annotations

import io
import random
from functools import cache
from pathlib import Path

import pytest
from PIL import Image

from tests.images.files.test_damage import held, over, photo, seen
from tests.images.files.test_libwebp import tiled
from tests.images.photos import drawing, encoded, photos
from tui.images.files import decode, libavif
from tui.images.files.inspect import Facts, inspect
from tui.model import Reason, Refusal


@cache
def shot() -> bytes:
    return encoded(Image.open(io.BytesIO(photo())), "AVIF", speed=10, quality=90)


def decodes(data: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
    except (OSError, RuntimeError):
        return False
    return True


def noisy(data: bytes) -> bytes:
    """The first of some copies with noise in the middle that Pillow's full decode refuses."""
    rng, third = random.Random(2), len(data) // 3
    copies = (over(data, rng.randrange(third, 2 * third), rng.randbytes(len(data) // 4)) for _ in range(99))
    return next(copy for copy in copies if not decodes(copy))


def beheaded(data: bytes) -> bytes:
    return over(data, data.index(b"mdat") + 4, random.Random(1).randbytes(64))


@pytest.mark.skipif(not libavif.reachable(), reason="this Pillow hides its libavif")
def test_noise_inside_of_a_photo_of_12_megapixels_is_found() -> None:
    data = encoded(tiled(Image.open(io.BytesIO(photo()))), "AVIF", speed=10, quality=60)
    facts = seen(data)
    assert isinstance(facts, Facts)
    assert (facts.width, facts.height, bool(facts.perceptual_hash)) == (4032, 3024, True)
    assert seen(noisy(data)) is Reason.CORRUPT


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:2:2", "4:4:4", "4:0:0"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (17, 33), (321, 215)])
def test_what_pillow_writes_is_whole(size: tuple[int, int], mode: str, subsampling: str) -> None:
    facts = held(encoded(drawing(*size).convert(mode), "AVIF", speed=10, subsampling=subsampling))
    assert isinstance(facts, Facts)
    assert (facts.width, facts.height) == size
    assert facts.preview is not None


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_it_looks_as_pillow_shows_it(mode: str) -> None:
    image = drawing(600, 400).convert(mode)
    if mode == "RGBA":
        image.putalpha(drawing(600, 400, seed=2).convert("L"))
    data = encoded(image, "AVIF", speed=10)
    facts = seen(data)
    with Image.open(io.BytesIO(data)) as decoded:
        other = decode._glance(*decoded.size, decoded)
    assert isinstance(facts, Facts)
    assert facts.preview is not None
    assert other.preview is not None
    assert (int(facts.perceptual_hash, 16) ^ int(other.perceptual_hash, 16)).bit_count() <= 6
    differences = [abs(ours - theirs) for ours, theirs in zip(facts.preview.rgb, other.preview.rgb, strict=True)]
    assert sum(differences) / len(differences) < 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_tells_how_it_is_turned(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(drawing(60, 40), "AVIF", speed=10, exif=exif.tobytes())
    facts = seen(data.replace(exif.tobytes()[6:], bytes(len(exif.tobytes()) - 6)))
    assert isinstance(facts, Facts)
    assert facts.orientation == (orientation if orientation > 1 else 0)


def test_the_first_frame_of_an_animation_is_decoded() -> None:
    frames = [drawing(300, 200, seed) for seed in (2, 3)]
    assert isinstance(held(encoded(drawing(300, 200), "AVIF", save_all=True, append_images=frames, speed=10)), Facts)


def test_an_animation_without_a_clock_is_refused() -> None:
    data = encoded(drawing(30, 20), "AVIF", save_all=True, append_images=[drawing(30, 20, 2)], speed=10)
    at = data.index(b"mdhd") + 24  # of version 1: behind two times of 64 bits
    assert held(over(data, at, bytes(4))) is Reason.CORRUPT


@pytest.mark.skipif(not libavif.reachable(), reason="this Pillow hides its libavif")
@pytest.mark.parametrize("limit", [10**9, 16_500 * 130 * 3])
def test_a_panorama_that_is_not_scaled_has_looks_if_pillow_can_take_it(
    limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "MOST_MEMORY", limit)
    facts = held(encoded(drawing(16_500, 130), "AVIF", speed=10))
    assert isinstance(facts, Facts)
    assert (facts.width, facts.height) == (16_500, 130)
    assert (bool(facts.perceptual_hash), bool(facts.preview)) == (limit == 10**9, limit == 10**9)


def test_a_brand_that_not_every_decoder_knows_is_refused() -> None:
    assert held(over(photos()["plain.avif"], 8, b"abcd")) is Reason.CORRUPT


def test_a_file_on_disk_is_read_from_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.images.files.inspect.IN_MEMORY", 1000)
    whole, damaged = tmp_path / "whole.avif", tmp_path / "damaged.avif"
    whole.write_bytes(shot())
    damaged.write_bytes(beheaded(shot()))
    with whole.open("r+b") as file:
        assert inspect(file) == seen(shot())
    with damaged.open("r+b") as file, pytest.raises(Refusal):
        inspect(file)


@pytest.mark.parametrize("limit", [10**9, 600 * 400 * 4])
def test_a_pillow_that_hides_its_libavif_decodes_what_it_can(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libavif, "_LIBRARY", None)
    monkeypatch.setattr(decode, "MOST_MEMORY", limit)
    facts = held(shot())
    assert isinstance(facts, Facts)
    assert bool(facts.perceptual_hash) is (limit == 10**9)
    assert (seen(beheaded(shot())) is Reason.CORRUPT) is (limit == 10**9)
