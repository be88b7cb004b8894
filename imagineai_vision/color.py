"""The product's main colours: what stands out from the picture's border, named by a palette in CIE Lab."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from imagineai_vision.findings import Attribute

# sRGB anchors of each name; a pixel takes the name of the nearest anchor in Lab.
_ANCHORS: Final[dict[str, tuple[str, ...]]] = {
    "black": ("000000", "141414", "202024", "2a2829"),
    "white": ("ffffff", "f2f2f2", "e6e7ea", "ded9d2"),
    "gray": ("4a4a4c", "6b6b6b", "8c8c8c", "adadad", "c4c6c8", "6f7682"),
    "red": ("ff0000", "c8102e", "a01020", "7b1113", "e23b3b", "5c1018"),
    "orange": ("ff7f00", "f06020", "ff9f40", "d9641e"),
    "yellow": ("ffff00", "ffd700", "f2c830", "fff176", "d4b020"),
    "green": ("008000", "00b050", "7fbf3f", "1b5e20", "556b2f", "a8d08d", "6b7a45", "2f4f3a", "98e0b0"),
    "blue": (
        *("0000ff", "1f4e9e", "13204a", "4682b4", "87ceeb", "00a0c8"),
        *("202a44", "5b7ba5", "33415c", "a9c4e0", "008b8b"),
    ),
    "purple": ("800080", "6a3d9a", "9966cc", "4b2a63", "c8a2e0"),
    "pink": ("ffc0cb", "ff69b4", "e75480", "f4a6b8", "d81b80", "e8b8c0"),
    "brown": ("8b4513", "5c3a21", "7b5b42", "a0693a", "3d2b1f", "96714e"),
    "beige": ("f5f0dc", "e3d3b4", "d2b48c", "c3b091", "e8dcc8", "bfa98a"),
}  # fmt: skip
_NAMES: Final = tuple(_ANCHORS)

_LEVELS: Final = 32
_STEP: Final = 2
_BORDER: Final = 0.05
_BACKGROUND_DISTANCE: Final = 14.0
_LEAST_FOREGROUND: Final = 0.06
_SECOND_SHARE: Final = 0.28
_MULTICOLOR_SHARE: Final = 0.34


def colors(rgb: NDArray[np.uint8]) -> tuple[Attribute, ...]:
    """Name one or two colours, the main one first.

    Args:
        rgb: Upright picture, uint8, shape (H, W, 3).
    """
    small = rgb[::_STEP, ::_STEP]
    names = _name_table()[tuple(np.moveaxis(small >> 3, 2, 0))]
    weights = _foreground(_lab(small))
    shares = np.bincount(names.ravel(), weights.ravel(), len(_NAMES)) / weights.sum()
    order = np.argsort(-shares, kind="stable")
    if shares[order[0]] < _MULTICOLOR_SHARE and shares[order[2]] > shares[order[0]] / 2:
        return (_color("multicolor", 1 - shares[order[0]]),)
    chosen = [order[0]]
    if shares[order[1]] >= _SECOND_SHARE:
        chosen.append(order[1])
    return tuple(_color(_NAMES[index], shares[index]) for index in chosen)


def _color(name: str, share: float) -> Attribute:
    return Attribute("color", name, round(float(share), 4))


def _foreground(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a weight for each pixel, shape (H, W): 0 where it looks like the border, more in the middle."""
    height, width = lab.shape[:2]
    depth = max(1, round(min(height, width) * _BORDER))
    edge = np.ones((height, width), bool)
    edge[depth:-depth, depth:-depth] = False
    weights = _centre(height, width)
    background = np.zeros((height, width), bool)
    for tone in _main_tones(lab[edge]):
        background |= ((lab - tone) ** 2).sum(axis=2) < _BACKGROUND_DISTANCE**2
    if (~background).mean() < _LEAST_FOREGROUND:
        return weights
    return weights * ~background


def _main_tones(edge: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return the Lab means of the tones that make up most of the border, found greedily."""
    tones: list[NDArray[np.float32]] = []
    rest = edge
    while len(tones) < 4 and len(rest) > 0.12 * len(edge):
        centre = np.median(rest, axis=0)
        near = ((rest - centre) ** 2).sum(axis=1)
        radius = max(_BACKGROUND_DISTANCE**2, float(np.quantile(near, 0.2)))
        tones.append(rest[near <= radius].mean(axis=0))
        rest = rest[near > radius]
    return tones


@cache
def _centre(height: int, width: int) -> NDArray[np.float32]:
    rows = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    weights: NDArray[np.float32] = np.exp(-(rows**2 + columns**2) / 0.5)
    return weights


@cache
def _name_table() -> NDArray[np.uint8]:
    """Return for each of 32 levels of red, green and blue the index of the name, shape (32, 32, 32)."""
    levels = (np.arange(_LEVELS) * 8 + 4).astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    anchors = [(name, bytes.fromhex(code)) for name, codes in _ANCHORS.items() for code in codes]
    palette = _lab(np.frombuffer(b"".join(code for _, code in anchors), np.uint8).reshape(1, -1, 3))
    nearest = ((_lab(cube) - palette) ** 2).sum(axis=2).argmin(axis=1)
    owners = np.array([_NAMES.index(name) for name, _ in anchors], np.uint8)
    names: NDArray[np.uint8] = owners[nearest].reshape(_LEVELS, _LEVELS, _LEVELS)
    return names


@cache
def _linear_levels() -> NDArray[np.float32]:
    values = np.arange(256) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return linear.astype(np.float32)


# Linear sRGB to XYZ, each row divided by the D65 white point.
_TO_XYZ: Final = np.array(
    [
        [0.4124564 / 0.95047, 0.3575761 / 0.95047, 0.1804375 / 0.95047],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339 / 1.08883, 0.1191920 / 1.08883, 0.9503041 / 1.08883],
    ],
    np.float32,
)


def _lab(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Convert sRGB, uint8, shape (..., 3), to CIE Lab. Source: IEC 61966-2-1 and CIE 15."""
    xyz = _linear_levels()[rgb] @ _TO_XYZ.T
    root = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), axis=-1).astype(np.float32)
