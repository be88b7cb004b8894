"""How a product is photographed: view, light and background, drawn by chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Generator = np.random.Generator

_ASPECTS: Final = (1.0, 1.0, 1.0, 4 / 3, 3 / 4)
_FLAT: Final = 0.35
"""Height by the shorter side of the base under which a product lies flat."""


@dataclass(frozen=True, slots=True)
class View:
    """Where the camera stands.

    Attributes:
        azimuth: From the product's front, radians.
        elevation: Above the floor, radians.
        angle: Of view around the product, radians; a small one is a tele lens.
        filled: Share of the picture's tighter side that the product takes.
        shift: Of the product from the middle, in shares of the room that is left, shape (2,).
        aspect: Width of the picture by its height.
        roll: Of the camera, radians.
    """

    azimuth: float
    elevation: float
    angle: float
    filled: float
    shift: Floats
    aspect: float
    roll: float


@dataclass(frozen=True, slots=True)
class Light:
    """A lamp, and what comes from all around; colours are linear RGB, shape (3,).

    Attributes:
        direction: To the lamp, in the camera's frame (right, up, towards it), of length 1.
        softness: Radius of the lamp as seen from the product, radians.
        lamp: Colour and strength of the lamp.
        sky: Of what comes from above.
        ground: Of what comes from below.
        exposure: Of a white surface that faces the camera.
    """

    direction: Floats
    softness: float
    lamp: Floats
    sky: Floats
    ground: Floats
    exposure: float


@dataclass(frozen=True, slots=True)
class Background:
    """What is behind and under the product.

    Attributes:
        floor: Linear RGB, shape (3,); None where the product hangs before an even ground.
        wall: Linear RGB, shape (3,): of the wall, or of all that is no floor.
        wall_distance: Behind the product, in its own sizes; None where floor and wall merge.
        shade: How much darker shadows make the floor, 0 to 1.
        falloff: How much darker the corners are than the middle, 0 to 1.
        slope: How much darker the picture's foot is than its head, -1 to 1.
    """

    floor: Floats | None
    wall: Floats
    wall_distance: float | None
    shade: float
    falloff: float
    slope: float


@dataclass(frozen=True, slots=True)
class Camera:
    """What happens to the light on its way into the file.

    Attributes:
        noise: Standard deviation in a mid tone, in levels of 255.
        balance: Gain of each channel, shape (3,).
        blur: Standard deviation in pixels.
        quality: Of the JPEG.
    """

    noise: float
    balance: Floats
    blur: float
    quality: int


def draw_view(size: tuple[float, float, float], is_hung: bool, rng: Generator) -> View:
    """Choose a view: mostly from the front and a little above; what lies flat is seen from high above.

    Args:
        size: Width, height and depth of the product, in one unit.
        is_hung: It hangs, and is seen straight on.
        rng: The source of chance.
    """
    spread, height = (22.0, (-4.0, 12.0)) if is_hung else (30.0, (6.0, 34.0))
    if size[1] < _FLAT * min(size[0], size[2]):
        height = (48.0, 86.0)
    return View(
        azimuth=np.radians(rng.normal(0, spread)),
        elevation=np.radians(rng.uniform(*height)),
        angle=np.radians(rng.uniform(14, 40)),
        filled=rng.uniform(0.7, 0.95),
        shift=rng.normal(0, 0.25, 2).clip(-1, 1).astype(np.float32),
        aspect=float(rng.choice(_ASPECTS)),
        roll=np.radians(rng.normal(0, 1.0)),
    )


def draw_light(rng: Generator) -> Light:
    """Choose a light: soft and from above, of a colour between lamp and sky."""
    azimuth, height = np.radians(rng.uniform(-75, 75)), np.radians(rng.uniform(30, 75))
    direction = np.array(
        [np.sin(azimuth) * np.cos(height), np.sin(height), np.cos(azimuth) * np.cos(height)], np.float32
    )
    around = rng.uniform(0.4, 0.8)
    return Light(
        direction=direction,
        softness=np.radians(rng.uniform(4, 22)),
        lamp=(1 - around) * 1.6 * _warmth(rng.normal(0, 0.05)),
        sky=around * _warmth(rng.normal(0, 0.03)),
        ground=around * rng.uniform(0.35, 0.75) * _warmth(rng.normal(0.01, 0.03)),
        exposure=rng.uniform(0.85, 1.2),
    )


def draw_background(is_hung: bool, rng: Generator) -> Background:
    """Choose what is behind: white, an even tone, or floor and wall."""
    kind = rng.choice(("white", "tone", "seamless", "room"), p=(0.42, 0.18, 0.25, 0.15))
    if kind == "white":
        white = np.full(3, rng.choice((rng.uniform(0.9, 1.3), 1.6)), np.float32)
        shade = 0.0 if rng.random() < 0.35 else rng.uniform(0.25, 0.7)
        return Background(None if is_hung else white, white, None, shade, 0.0, 0.0)
    tone = _pale(rng) if rng.random() < 0.88 else _strong(rng)
    falloff, slope = rng.uniform(0, 0.25), rng.uniform(-0.2, 0.2)
    if is_hung or kind == "tone":
        return Background(None if is_hung else tone, tone, None, rng.uniform(0.2, 0.6), falloff, slope)
    if kind == "seamless":
        return Background(tone, tone, None, rng.uniform(0.5, 1.0), falloff, slope)
    floor = _pale(rng) * rng.uniform(0.35, 0.95)
    return Background(floor, tone, rng.uniform(0.05, 0.8), rng.uniform(0.7, 1.0), falloff, 0.0)


def draw_camera(rng: Generator) -> Camera:
    """Choose a camera, between a studio's and a telephone's."""
    return Camera(
        noise=float(rng.gamma(1.5, 0.8)),
        balance=np.exp(rng.normal(0, 0.015, 3)).astype(np.float32),
        blur=rng.uniform(0.3, 0.75),
        quality=int(rng.integers(72, 97)),
    )


def _warmth(amount: float) -> Floats:
    """Return white, warmer for an amount above 0, cooler below it; linear RGB, shape (3,)."""
    return np.exp(np.array([amount, 0.15 * amount, -amount]) * 1.5).astype(np.float32)


def _pale(rng: Generator) -> Floats:
    """Return a light gray with a tint, linear RGB, shape (3,)."""
    return (rng.uniform(0.45, 0.95) * np.exp(rng.normal(0, 0.04, 3))).clip(0, 1).astype(np.float32)


def _strong(rng: Generator) -> Floats:
    return rng.uniform(0.03, 0.85, 3).astype(np.float32)
