"""Views of a photo that the same product could have been photographed as."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_LEAST_AREA: Final = 0.45
_STRETCH: Final = 4 / 3
_TURN_DEGREES: Final = 12.0
_TURNED_SHARE: Final = 0.5
_LIGHT: Final = 0.3
_LUMA: Final = np.array((0.299, 0.587, 0.114))


def augmented(rgb: NDArray[np.uint8], size: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Return a random view: mirrored, turned, cropped, in other light.

    Args:
        rgb: The whole picture, squashed to a square somewhat larger than ``size``.
        size: Side of the view in pixels.
        random: Where chance comes from.
    """
    image = Image.fromarray(rgb)
    if random.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if random.random() < _TURNED_SHARE:
        edge = tuple(int(value) for value in np.median(rgb[[0, -1]].reshape(-1, 3), axis=0))
        angle = random.uniform(-_TURN_DEGREES, _TURN_DEGREES)
        image = image.rotate(angle, Image.Resampling.BILINEAR, fillcolor=edge)
    image = image.resize((size, size), Image.Resampling.BICUBIC, box=_crop(image.width, random))
    return np.asarray(image.convert("RGB", _light(float(rgb.mean()), random)))


def _crop(side: int, random: np.random.Generator) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of a random part of a square picture."""
    area = random.uniform(_LEAST_AREA, 1.0)
    stretch = np.sqrt(np.exp(random.uniform(-np.log(_STRETCH), np.log(_STRETCH))))
    width, height = min(1.0, np.sqrt(area) * stretch), min(1.0, np.sqrt(area) / stretch)
    left, top = random.uniform(0, 1 - width), random.uniform(0, 1 - height)
    return left * side, top * side, (left + width) * side, (top + height) * side


def _light(mean: float, random: np.random.Generator) -> tuple[float, ...]:
    """Return brightness, contrast and saturation as the rows of one matrix, shape (3, 4).

    Args:
        mean: Of the picture's tones, around which contrast turns.
        random: Where chance comes from.
    """
    brightness, contrast, saturation = random.uniform(1 - _LIGHT, 1 + _LIGHT, 3)
    mixing = saturation * np.eye(3) + (1 - saturation) * _LUMA
    rows = np.concatenate((contrast * mixing, np.full((3, 1), (1 - contrast) * mean)), axis=1)
    return tuple((brightness * rows).ravel().tolist())
