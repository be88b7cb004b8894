"""The seven types of defects, each painted into a copy of a picture the way light would show it.

Each painter takes the picture, float32, shape (H, W, 3), 0 to 255, and the product's mask; it returns
the changed picture and the defect's soft mask, shape (H, W), 0 to 1. Lengths scale with the shorter side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates

from training.defects import shapes
from training.defects.shapes import Floats, Generator, Points


@dataclass(frozen=True, slots=True)
class Style:
    """The ranges that defects are drawn from.

    Attributes:
        size: Least and largest extent, as a share of the picture's shorter side.
        width: Least and largest width of thin defects in pixels of a picture with a side of 256.
        contrast: Least and largest change of brightness, in levels of 255.
        softness: Largest blur of an edge, in pixels of a picture with a side of 256.
    """

    size: tuple[float, float] = (0.06, 0.45)
    width: tuple[float, float] = (0.7, 2.6)
    contrast: tuple[float, float] = (28.0, 110.0)
    softness: float = 1.6


Painter = Callable[[Floats, NDArray[np.bool_], Style, Generator], tuple[Floats, Floats]]


def scratch(rgb: Floats, product: NDArray[np.bool_], style: Style, rng: Generator) -> tuple[Floats, Floats]:
    """One to three nearly parallel fine lines, brighter or darker than the surface, at times interrupted."""
    side, shape = _side(rgb), product.shape
    start, heading = _place(product, rng), rng.uniform(0, np.pi)
    length = rng.uniform(max(0.12, style.size[0]), style.size[1] * 1.3) * side
    mask = np.zeros(shape, np.float32)
    for _ in range(rng.choice((1, 1, 2, 3))):
        path = shapes.curve(
            start + rng.normal(0, 0.02 * side, 2), heading + rng.normal(0, 0.08), length, rng.normal(0, 0.5)
        )
        widths = _width(style, side, rng) * np.sin(np.linspace(0.25, np.pi - 0.25, len(path)))
        mask = np.maximum(mask, shapes.line(shape, path, widths))
    if rng.random() < 0.35:
        mask = mask * (shapes.noise(shape, 0.08 * side, rng) > -0.7)
    sign = 1 if rng.random() < 0.65 else -1
    return _shaded(rgb, mask, sign * _contrast(style, rng), rng), mask


def crack(rgb: Floats, product: NDArray[np.bool_], style: Style, rng: Generator) -> tuple[Floats, Floats]:
    """A dark jagged line with branches, lit on one side."""
    side, shape = _side(rgb), product.shape
    start, heading = _place(product, rng), rng.uniform(0, 2 * np.pi)
    length = rng.uniform(max(0.12, style.size[0]), style.size[1] * 1.2) * side
    jaggedness = rng.uniform(0.25, 0.7)
    trunk = shapes.walk(start, heading, length, jaggedness, rng)
    paths = [trunk]
    for _ in range(rng.integers(0, 4)):
        fork = trunk[rng.integers(1, len(trunk) - 1)]
        branch = shapes.walk(
            fork, heading + rng.choice((-1, 1)) * rng.uniform(0.5, 1.2), length * 0.4, jaggedness, rng
        )
        paths.append(branch + fork - branch[0])
    mask = np.zeros(shape, np.float32)
    for path in paths:
        widths = _width(style, side, rng) * np.linspace(1.2, 0.6, len(path))
        mask = np.maximum(mask, shapes.line(shape, path, widths))
    lit = np.clip(np.roll(mask, (1, 1), (0, 1)) - mask, 0, 1)
    contrast = _contrast(style, rng)
    return _shaded(_shaded(rgb, lit, 0.4 * contrast, rng), mask, -1.2 * contrast, rng), mask


def dent(rgb: Floats, product: NDArray[np.bool_], style: Style, rng: Generator) -> tuple[Floats, Floats]:
    """A hollow: one slope in the shade, the other lit, what lies in it drawn together."""
    side, shape = _side(rgb), product.shape
    radius = rng.uniform(style.size[0], style.size[1] * 0.6) * side / 2
    centre = _place(product, rng)
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    turn, stretch = rng.uniform(0, np.pi), rng.uniform(0.55, 1)
    x, y = columns - centre[0], rows - centre[1]
    along, across = x * np.cos(turn) + y * np.sin(turn), -x * np.sin(turn) + y * np.cos(turn)
    distance2 = (along**2 + (across / stretch) ** 2) / radius**2
    hollow = np.exp(-2.2 * distance2) * (1 + 0.15 * shapes.noise(shape, radius, rng))
    light = rng.uniform(0, 2 * np.pi)
    slope = (x * np.cos(light) + y * np.sin(light)) / radius * hollow * 2.2
    pulled = 1 - 0.25 * hollow * rng.uniform(0.3, 1)
    sources = (centre[1] + y * pulled, centre[0] + x * pulled)
    warped = np.stack(
        [map_coordinates(rgb[..., c], sources, order=1, mode="nearest") for c in range(3)], axis=-1
    )
    shaded = warped + _contrast(style, rng) * (slope - 0.35 * hollow)[..., None]
    mask = np.clip((1.15 - distance2) * 4, 0, 1).astype(np.float32)
    return np.where(distance2[..., None] < 4, shaded, rgb).astype(np.float32), mask


def stain(rgb: Floats, product: NDArray[np.bool_], style: Style, rng: Generator) -> tuple[Floats, Floats]:
    """A spill that colours what it soaked into, its rim darker, with drops beside it."""
    side, shape = _side(rgb), product.shape
    radius = rng.uniform(style.size[0], style.size[1]) * side / 2
    centre = _place(product, rng)
    mask = shapes.blob(shape, centre, radius, rng.uniform(0.15, 0.5), rng)
    for _ in range(rng.integers(0, 5)):
        beside = centre + rng.normal(0, 1.3 * radius, 2)
        mask = np.maximum(mask, shapes.blob(shape, beside, radius * rng.uniform(0.08, 0.25), 0.2, rng))
    soft = shapes.softened(mask, _softness(style, side, rng))
    uneven = np.clip(0.75 + 0.25 * shapes.noise(shape, radius, rng), 0.2, 1.2)
    rim = np.clip(soft - shapes.softened(mask, 0.12 * radius + 0.5), 0, 1) * rng.uniform(0, 1.5)
    strength = np.clip(soft * uneven + rim, 0, 1.3)[..., None] * _contrast(style, rng) / 140
    tint = rng.choice(
        np.array([(0.55, 0.35, 0.15), (0.2, 0.18, 0.15), (0.75, 0.6, 0.2), (0.5, 0.1, 0.12), (0.2, 0.3, 0.5)])
    )
    tint = np.clip(tint + rng.normal(0, 0.08, 3), 0, 1).astype(np.float32)
    return rgb * (1 - strength * (1 - tint)), mask


def discoloration(
    rgb: Floats, product: NDArray[np.bool_], style: Style, rng: Generator
) -> tuple[Floats, Floats]:
    """A patch with a blurred edge that is bleached, yellowed, or of another shade; its texture stays."""
    side, shape = _side(rgb), product.shape
    radius = rng.uniform(max(0.12, style.size[0]), style.size[1] * 1.2) * side / 2
    mask = shapes.blob(shape, _place(product, rng), radius, rng.uniform(0.1, 0.4), rng)
    soft = shapes.softened(mask, radius * rng.uniform(0.08, 0.3))
    mottled = np.clip(0.85 + 0.3 * shapes.noise(shape, 0.6 * radius, rng), 0.2, 1.3)
    contrast = _contrast(style, rng) * 0.7
    kind = rng.integers(3)
    if kind == 0:  # bleached: towards its own pale gray
        target = 0.4 * rgb + 0.6 * rgb.mean(axis=2, keepdims=True) + contrast
    elif kind == 1:  # yellowed
        target = rgb + contrast * np.array((0.25, 0.05, -1.0), np.float32)
    else:
        shift = rng.normal(0, 1, 3)
        target = rgb + contrast * (shift / np.abs(shift).max()).astype(np.float32)
    weight = (soft * mottled)[..., None]
    return rgb + weight * (target - rgb), mask


def tear(rgb: Floats, product: NDArray[np.bool_], style: Style, rng: Generator) -> tuple[Floats, Floats]:
    """A slit pulled open: dark or another layer within, frayed pale edges, a shadow on one side."""
    side, shape = _side(rgb), product.shape
    length = rng.uniform(max(0.08, style.size[0]), style.size[1]) * side
    gape = length * rng.uniform(0.06, 0.32) + 1
    heading, centre = rng.uniform(0, np.pi), _place(product, rng)
    t = np.linspace(0, 1, 20)
    lens = np.sin(np.pi * t) ** rng.uniform(0.6, 1.3) * gape / 2
    upper, lower = (lens * (1 + rng.normal(0, 0.25, t.size)) for _ in range(2))
    along = np.concatenate((t, t[::-1])) * length - length / 2
    across = (
        np.concatenate((upper, -lower[::-1]))
        + np.concatenate((t, t[::-1])) ** 2 * rng.normal(0, 0.15) * length
    )
    outline = np.stack(
        (
            along * np.cos(heading) - across * np.sin(heading),
            along * np.sin(heading) + across * np.cos(heading),
        ),
        axis=1,
    )
    mask = shapes.polygon(shape, centre + outline)
    edge = np.clip(shapes.softened(mask, 1.2 * side / 256) * 2, 0, 1) - mask
    frayed = np.clip(edge, 0, 1) * np.clip(0.6 + 0.6 * shapes.noise(shape, 2, rng), 0, 1.4)
    inside = _within(rgb, product, rng) + 6 * shapes.noise(shape, 3, rng)[..., None]
    contrast = _contrast(style, rng)
    torn = rgb + frayed[..., None] * contrast * rng.choice((0.9, -0.6))
    return torn * (1 - mask[..., None]) + inside * mask[..., None], mask


def missing_part(
    rgb: Floats, product: NDArray[np.bool_], style: Style, rng: Generator
) -> tuple[Floats, Floats]:
    """A piece of the product broken off at its edge, so that the background shows; or a hole in it."""
    side, shape = _side(rgb), product.shape
    radius = rng.uniform(max(0.1, style.size[0]), style.size[1]) * side / 2
    at_the_edge = not product.all() and rng.random() < 0.75
    centre = _edge_place(product, rng) if at_the_edge else _place(product, rng)
    mask = shapes.blob(shape, centre, radius, rng.uniform(0.1, 0.35), rng)
    if at_the_edge:
        mask = mask * product
        behind = _behind(rgb, product, rng)
    else:
        behind = np.broadcast_to(_within(rgb, product, rng), rgb.shape)
    shadow = np.clip(shapes.softened(mask, 1.5 * side / 256) - mask, 0, 1)[..., None]
    left = rgb - shadow * rng.uniform(0, 0.7) * _contrast(style, rng)
    return left * (1 - mask[..., None]) + behind * mask[..., None], mask


KINDS: Final[dict[str, Painter]] = {
    "scratch": scratch,
    "dent": dent,
    "missing_part": missing_part,
    "discoloration": discoloration,
    "stain": stain,
    "crack": crack,
    "tear": tear,
}
TYPES: Final = tuple(KINDS)
"""In the order of the head's maps."""


def _side(rgb: Floats) -> int:
    return int(min(rgb.shape[:2]))


def _contrast(style: Style, rng: Generator) -> float:
    return float(rng.uniform(*style.contrast))


def _width(style: Style, side: int, rng: Generator) -> float:
    return float(rng.uniform(*style.width)) * side / 256


def _softness(style: Style, side: int, rng: Generator) -> float:
    return float(rng.uniform(0, style.softness)) * side / 256


def _place(product: NDArray[np.bool_], rng: Generator) -> Points:
    """Choose a point (x, y) on the product."""
    rows, columns = np.nonzero(product)
    index = rng.integers(len(rows))
    return np.array((columns[index], rows[index]), float)


def _edge_place(product: NDArray[np.bool_], rng: Generator) -> Points:
    depth = distance_transform_edt(product)
    return _place((depth > 0) & (depth <= 3), rng)


def _shaded(rgb: Floats, mask: Floats, levels: float, rng: Generator) -> Floats:
    """Lighten or darken where the mask is, tinted a little."""
    tint = 1 + rng.normal(0, 0.1, 3).astype(np.float32)
    return rgb + levels * mask[..., None] * tint


def _within(rgb: Floats, product: NDArray[np.bool_], rng: Generator) -> Floats:
    """What shows through a hole: dark, or a flat tone away from the product's own."""
    own = rgb[product].mean(axis=0)
    if rng.random() < 0.6:
        within = own * rng.uniform(0.1, 0.45)
    else:
        within = own + rng.choice((-1, 1)) * rng.uniform(60, 130) + rng.normal(0, 15, 3)
    return np.asarray(within, np.float32)


def _behind(rgb: Floats, product: NDArray[np.bool_], rng: Generator) -> Floats:
    """Go on with the background: the nearest of each pixel, its streaks blurred, its grain put back."""
    rows, columns = distance_transform_edt(product, return_distances=False, return_indices=True)
    nearest = rgb[rows, columns]
    sigma = 0.03 * _side(rgb)
    smooth = gaussian_filter(nearest, (sigma, sigma, 0))
    background = rgb[~product]
    grain = min(12.0, float(np.abs(np.diff(background, axis=0)).mean()))
    noise = grain * rng.standard_normal((*product.shape, 1))
    return np.asarray(smooth + noise, np.float32)
