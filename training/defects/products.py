"""Good photos as the painter takes them: where the product is, and views of it in other light and places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_erosion, binary_fill_holes, binary_opening, gaussian_filter, label

from imagineai_vision import picture
from imagineai_vision.color import foreground
from training.defects.shapes import Generator

Rgb = NDArray[np.uint8]
Mask = NDArray[np.bool_]

_LARGEST_SIDE: Final = 512
_EDGE: Final = 0.04
_SHARE: Final = (0.1, 0.75)
_MOST_AT_THE_EDGE: Final = 0.12
_MOST_ASTRAY: Final = 0.12
_MOST_HOLES: Final = 0.15
"""An outline is believed within these bounds: of the picture, of its edge, and of the product's own area."""
_PROBED: Final = 40
_FEW_OUTLINES: Final = 0.2
_TRIES: Final = 6
_OTHER_GROUND_SHARE: Final = 0.4
_CLOSE_UP_SHARE: Final = 0.25


@dataclass(frozen=True, slots=True)
class Scene:
    """A good picture.

    Attributes:
        rgb: Uint8, shape (H, W, 3).
        product: Where the product surely is, bool, shape (H, W); None where that is not known.
    """

    rgb: Rgb
    product: Mask | None


def outline(rgb: Rgb) -> Mask | None:
    """Return where the product is, bool, shape (H, W), as far as the border gives it away; else None."""
    parts, count = label(binary_opening(foreground(rgb), iterations=2))
    if count == 0:
        return None
    areas = np.bincount(parts.ravel())[1:]
    largest = parts == 1 + np.argmax(areas)
    depth = max(1, round(min(rgb.shape[:2]) * _EDGE))
    edge = np.ones(largest.shape, bool)
    edge[depth:-depth, depth:-depth] = False
    filled = np.asarray(binary_fill_holes(largest))
    area = int(filled.sum())
    is_sure = (
        _SHARE[0] < filled.mean() < _SHARE[1]
        and largest[edge].mean() < _MOST_AT_THE_EDGE
        and areas.sum() - areas.max() < _MOST_ASTRAY * area
        and area - areas.max() < _MOST_HOLES * area
    )
    return filled if is_sure else None


def are_surfaces(photos: Sequence[Path]) -> bool:
    """Say whether the photos show no products before a ground but surfaces that fill them."""
    probed = photos[:: max(1, len(photos) // _PROBED)]
    return sum(outline(read(path)) is not None for path in probed) < _FEW_OUTLINES * len(probed)


def read(path: Path) -> Rgb:
    """Read a photo as it is, its longer side at most twice what people would call a thumbnail's."""
    data = path.read_bytes()
    facts = picture.examine(data)
    side = max(facts.width, facts.height)
    square = picture.read(data, min(side, _LARGEST_SIDE))
    scale = min(side, _LARGEST_SIDE) / side
    upright = (round(facts.width * scale), round(facts.height * scale))
    return np.asarray(Image.fromarray(square).resize(upright, Image.Resampling.BICUBIC))


def scene(photos: Sequence[Path], *, fill: bool, outlined: bool, rng: Generator) -> Scene:
    """Return a random photo.

    Args:
        photos: To choose from.
        fill: Whether they show surfaces that fill them.
        outlined: Whether its product should be known; after some tries it may not be.
        rng: The source of chance.
    """
    for _ in range(_TRIES):
        rgb = read(photos[int(rng.integers(len(photos)))])
        product = np.ones(rgb.shape[:2], bool) if fill else outline(rgb)
        if product is not None or not outlined:
            break
    return Scene(rgb, product)


def varied(seen: Scene, photos: Sequence[Path], rng: Generator, *, grounds: bool) -> Scene:
    """Mirror at times, change the light, put before another ground, go so near that no ground is left.

    Args:
        seen: What to change.
        photos: Where other grounds come from.
        rng: The source of chance.
        grounds: Whether the ground may change.
    """
    rgb, product = seen.rgb, seen.product
    if product is not None:
        if grounds and not product.all() and rng.random() < _OTHER_GROUND_SHARE:
            rgb = _before(
                _ground(read(photos[int(rng.integers(len(photos)))]), rgb.shape[:2], rng), rgb, product
            )
        if rng.random() < _CLOSE_UP_SHARE:
            window = _close_up(product, rng)
            rgb, product = rgb[window], product[window]
    if rng.random() < 0.5:
        rgb, product = rgb[:, ::-1], None if product is None else product[:, ::-1]
    light = rng.uniform(0.8, 1.15) * (1 + rng.normal(0, 0.03, 3))
    return Scene(np.clip(rgb * light, 0, 255).astype(np.uint8), product)


def _ground(rgb: Rgb, shape: tuple[int, int], rng: Generator) -> Rgb:
    """Enlarge the corner of a photo that holds least of its product to a picture of this shape."""
    product = outline(rgb)
    share = rng.uniform(0.3, 0.5)
    height, width = (max(8, round(share * side)) for side in rgb.shape[:2])
    corners = [(top, left) for top in (0, rgb.shape[0] - height) for left in (0, rgb.shape[1] - width)]
    rng.shuffle(corners)
    if product is not None:
        corners.sort(key=lambda at: product[at[0] : at[0] + height, at[1] : at[1] + width].mean())
    top, left = corners[0]
    corner = Image.fromarray(rgb[top : top + height, left : left + width])
    return np.asarray(corner.resize((shape[1], shape[0]), Image.Resampling.BICUBIC))


def _before(ground: Rgb, rgb: Rgb, product: Mask) -> Rgb:
    inner = binary_erosion(product, iterations=2).astype(np.float32)
    weight = gaussian_filter(inner, 1.0)[..., None]
    return np.asarray(np.round(ground + weight * (rgb.astype(np.float32) - ground)), np.uint8)


def _close_up(product: Mask, rng: Generator) -> tuple[slice, slice]:
    rows, columns = np.nonzero(product)
    index, share = rng.integers(len(rows)), rng.uniform(0.35, 0.7)
    height, width = (max(64, round(share * side)) for side in product.shape)
    top = int(np.clip(rows[index] - height // 2, 0, max(0, product.shape[0] - height)))
    left = int(np.clip(columns[index] - width // 2, 0, max(0, product.shape[1] - width)))
    return slice(top, top + height), slice(left, left + width)
