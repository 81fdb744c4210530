"""Real image files of every accepted format and flavour, drawn and encoded by Pillow."""

from __future__ import annotations

import io
import random
from functools import cache

from PIL import Image, ImageDraw


def drawing(width: int, height: int, seed: int = 1) -> Image.Image:
    rng = random.Random(seed)
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    draw = ImageDraw.Draw(image)
    for _ in range(30):
        x, y, colour = rng.randrange(width), rng.randrange(height), tuple(rng.randrange(256) for _ in range(3))
        draw.ellipse((x, y, x + rng.randrange(1, 2 + width // 3), y + rng.randrange(1, 2 + height // 3)), fill=colour)
    return image


def encoded(image: Image.Image, name: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, name, **options)
    return file.getvalue()


@cache
def photos() -> dict[str, bytes]:
    image = drawing(200, 120)
    frames = [drawing(200, 120, seed) for seed in (2, 3)]
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    thumbnail = encoded(drawing(16, 12), "JPEG")
    return {
        "plain.jpg": encoded(image, "JPEG"),
        "progressive.jpg": encoded(image, "JPEG", progressive=True),
        "restarts.jpg": encoded(image, "JPEG", restart_marker_blocks=3),
        "grey.jpg": encoded(image.convert("L"), "JPEG"),
        "cmyk.jpg": encoded(image.convert("CMYK"), "JPEG"),
        "exif.jpg": encoded(image, "JPEG", exif=exif.tobytes(), comment=thumbnail, icc_profile=b"\xff\xd9" * 9),
        "best.jpg": encoded(image, "JPEG", quality=100, subsampling=0),
        "tiny.jpg": encoded(drawing(3, 2), "JPEG"),
        "plain.png": encoded(image, "PNG"),
        "palette.png": encoded(image.quantize(16), "PNG"),
        "alpha.png": encoded(image.convert("RGBA"), "PNG"),
        "animated.png": encoded(image, "PNG", save_all=True, append_images=frames),
        "lossy.webp": encoded(image, "WEBP"),
        "lossless.webp": encoded(image.convert("RGBA"), "WEBP", lossless=True),
        "animated.webp": encoded(image, "WEBP", save_all=True, append_images=frames),
        "plain.gif": encoded(image, "GIF"),
        "animated.gif": encoded(image, "GIF", save_all=True, append_images=frames),
        "plain.avif": encoded(image, "AVIF", speed=10),
        "alpha.avif": encoded(image.convert("RGBA"), "AVIF", speed=10),
    }
