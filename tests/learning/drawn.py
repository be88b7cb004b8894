"""Photos that the tests draw: a few shapes in many sizes, places and colours."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SHAPES = ("disc", "box", "wedge")


def draw(path: Path, shape: str, number: int) -> None:
    """Write one picture of a shape; the same number draws the same picture."""
    random = np.random.default_rng((SHAPES.index(shape), number))
    image = Image.new("RGB", (160, 120), tuple(random.integers(180, 255, 3).tolist()))
    pen, ink = ImageDraw.Draw(image), tuple(random.integers(0, 150, 3).tolist())
    x, y, side = (int(random.integers(low, high)) for low, high in ((5, 70), (5, 40), (30, 70)))
    if shape == "disc":
        pen.ellipse((x, y, x + side, y + side), fill=ink)
    elif shape == "box":
        pen.rectangle((x, y, x + side, y + side), fill=ink)
    else:
        pen.polygon(((x, y + side), (x + side, y + side), (x + side // 2, y)), fill=ink)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, quality=90)


def draw_folder(folder: Path, each: int = 14) -> Path:
    """Write a folder of label-named folders."""
    for shape in SHAPES:
        for number in range(each):
            draw(folder / shape / f"{number}.jpg", shape, number)
    return folder
