"""Photos to fetch: JPEGs of 1.1 megapixels and about 150 KB, no two of the same bytes."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageFile, ImageFilter

from tests.images.photos import drawing

SIZE = (1280, 860)
PER_VEHICLE = 20
_SHOTS = 2 * PER_VEHICLE


def write_photos(folder: Path, count: int) -> list[str]:
    """Write `0.jpg`, `1.jpg`, …; their names. Some forty shots take turns, each copy with a comment of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    shots = [_shot(seed) for seed in range(min(count, _SHOTS))]
    names = [f"{number}.jpg" for number in range(count)]
    for number, name in enumerate(names):
        shot = shots[number % len(shots)]
        (folder / name).write_bytes(shot[:2] + _comment(f"copy {number}") + shot[2:])
    return names


def write_large(folder: Path) -> list[str]:
    """Write a picture of noise in each format that a browser shows, 13 to 50 MB; their names.

    They are as large as the largest that are decoded: a lossy WebP of 64 megapixels, a transparent one of 13, an AVIF
    of 25, all others of 16.
    """
    side = 4000
    noise = Image.merge("RGB", [Image.effect_noise((side, side), 90) for _ in range(3)])
    ways: dict[str, dict[str, Any]] = {
        "large.jpg": {"quality": 97, "subsampling": 0},
        "large-progressive.jpg": {"quality": 97, "subsampling": 0, "progressive": True},
        "large.png": {"compress_level": 1},
        "large.webp": {"lossless": True, "method": 0},
        "large.gif": {},
    }
    ImageFile.MAXBLOCK = 4 * side * side  # a scan of noise is longer than what Pillow takes for the longest
    for name, way in ways.items():
        noise.save(folder / name, **way)
    clear = noise.crop((0, 0, 3600, 3600))
    clear.putalpha(clear.getchannel("R"))
    clear.save(folder / "large-transparent.webp", quality=90, method=0)
    noise.resize((5000, 5000), Image.Resampling.NEAREST).save(folder / "large.avif", speed=10, quality=60)
    half = Image.linear_gradient("L").resize((2 * side, 2 * side)).convert("RGB")  # libwebp writes no such noise alone
    for top in (0, side):
        half.paste(noise, (0, top))
    half.save(folder / "large-lossy.webp", quality=80, method=0)
    return [*ways, "large-transparent.webp", "large.avif", "large-lossy.webp"]


def _shot(seed: int) -> bytes:
    grain = Image.effect_noise(SIZE, 64).filter(ImageFilter.GaussianBlur(1)).convert("RGB")
    file = io.BytesIO()
    Image.blend(drawing(*SIZE, seed=seed), grain, 0.4).save(file, "JPEG", quality=74)
    return file.getvalue()


def _comment(text: str) -> bytes:
    """A comment segment (ITU-T T.81, B.2.4.5)."""
    return b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text.encode()


def write_feed(path: Path, urls: Sequence[str], vehicles_per_dealer: int = 50) -> int:
    """Write a feed of vehicles with twenty URLs each; how many vehicles."""
    galleries = [urls[at : at + PER_VEHICLE] for at in range(0, len(urls), PER_VEHICLE)]
    with path.open("w") as file:
        for number, gallery in enumerate(galleries):
            vehicle = {"vin": f"1FTEX{number:012d}", "year": 2019, "make": "Ford", "model": f"Model {number}"}
            dealer = f"Dealer {number // vehicles_per_dealer}"
            file.write(json.dumps({**vehicle, "dealership_name": dealer, "image_urls": gallery}) + "\n")
    return len(galleries)
