"""The pictures that are measured with: real photos where there are some, drawings elsewhere."""

import io
import os
import random
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

PHOTOS = "IMAGINEAI_PHOTOS"
QUALITY = 90


def jpegs(count: int, width: int, height: int, seed: int = 0) -> list[bytes]:
    """Make distinct JPEGs of one size, with a camera's grain in them.

    Args:
        count: How many.
        width: In pixels.
        height: In pixels.
        seed: The same seed gives the same pictures.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret depends on it
    found = _photos()
    chance.shuffle(found)
    grain = np.random.default_rng(seed)
    return [_jpeg(_picture(found, index, chance), width, height, grain) for index in range(count)]


def _photos() -> list[Path]:
    folder = os.environ.get(PHOTOS)
    return sorted(Path(folder).rglob("*.jpg")) if folder else []


def _picture(found: list[Path], index: int, chance: random.Random) -> Image.Image:
    if found:
        with Image.open(found[index % len(found)]) as photo:
            return photo.convert("RGB")
    picture = Image.new("RGB", (320, 240), tuple(chance.randrange(200, 256) for _ in range(3)))
    pen = ImageDraw.Draw(picture)
    for _ in range(6):
        left, top = chance.randrange(40, 200), chance.randrange(20, 140)
        color = tuple(chance.randrange(256) for _ in range(3))
        pen.ellipse((left, top, left + chance.randrange(20, 110), top + chance.randrange(20, 90)), fill=color)
    return picture.filter(ImageFilter.GaussianBlur(1))


def _jpeg(picture: Image.Image, width: int, height: int, grain: np.random.Generator) -> bytes:
    rgb = np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC), dtype=np.int16)
    noisy = np.clip(rgb + grain.normal(0, 3, rgb.shape).astype(np.int16), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noisy).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()
