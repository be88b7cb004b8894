"""The product's main colours: what stands out from the border, named by lightness, chroma and hue."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from imagineai_vision.findings import Attribute
from imagineai_vision.vocabulary import COLORS

Floats = NDArray[np.float32]

_BORDER: Final = 0.05
_TONE_RADIUS: Final = 12.0
_LEAST_FOREGROUND: Final = 0.06
_SECOND_SHARE: Final = 0.28
_MULTICOLOR_SHARE: Final = 0.34
# How often the main colour was right, by its share of the product: 150 photos named by eye.
_SHARES: Final = (0.0, 0.35, 0.5, 0.7, 0.9, 1.0)
_RIGHT: Final = (0.3, 0.45, 0.74, 0.87, 0.95, 0.97)
_MULTICOLOR_RIGHT: Final = 0.5
# Photos of white things are seldom white: the brightest hundredth is taken as L* 97, within reason.
_WHITE_LIGHTNESS: Final = 97.0
_MOST_GAIN: Final = 1.08
_GRAY: Final = COLORS.index("gray")

# Up to which chroma a hue (its upper end, in degrees) passes as gray: lamps tint more than the sky does.
_GRAY_CHROMA: Final = ((30, 9.0), (115, 12.0), (150, 9.0), (210, 6.0), (290, 4.5), (330, 6.5), (360, 8.0))

# (upper end of the hue in degrees, ((least lightness, least chroma, name), ...)); the first that holds wins.
_HUES: Final[tuple[tuple[int, tuple[tuple[int, int, str], ...]], ...]] = (
    (8, ((42, 0, "pink"), (0, 0, "red"))),
    (25, ((60, 0, "pink"), (0, 0, "red"))),
    (40, ((66, 0, "pink"), (0, 26, "red"), (0, 0, "brown"))),
    (62, ((44, 48, "orange"), (60, 36, "orange"), (66, 0, "beige"), (30, 60, "red"), (0, 0, "brown"))),
    (76, ((50, 52, "orange"), (68, 38, "orange"), (60, 0, "beige"), (0, 0, "brown"))),
    (92, ((58, 46, "yellow"), (76, 34, "yellow"), (58, 0, "beige"), (0, 0, "brown"))),
    (104, ((58, 36, "yellow"), (62, 0, "beige"), (0, 0, "green"))),
    (114, ((62, 45, "yellow"), (78, 0, "beige"), (0, 0, "green"))),
    (200, ((0, 0, "green"),)),
    (290, ((0, 0, "blue"),)),
    (300, ((0, 32, "blue"), (0, 0, "purple"))),  # sRGB's pure blue has hue 306
    (312, ((0, 64, "blue"), (0, 0, "purple"))),
    (330, ((0, 0, "purple"),)),
    (345, ((50, 0, "pink"), (0, 0, "purple"))),
    (360, ((40, 0, "pink"), (0, 0, "red"))),
)


def colors(rgb: NDArray[np.uint8]) -> tuple[Attribute, ...]:
    """Name one or two colours, the main one first.

    Args:
        rgb: Upright picture, uint8, shape (H, W, 3), of at least 32 pixels a side.

    Returns:
        Attributes named "color". The main one's confidence is how often such an answer was right; the second
        one's is its share of the product, as nothing better is known.
    """
    lab = to_lab(_samples(rgb))
    return main_colors(lab, _foreground(lab))


def main_colors(lab: Floats, weights: Floats) -> tuple[Attribute, ...]:
    """Name the main colours of pixels.

    Args:
        lab: CIE Lab, shape (..., 3).
        weights: Of each pixel, adding up to more than 0, shape (...).

    Returns:
        As ``colors`` does.
    """
    shares = np.bincount(_names(lab).ravel(), weights.ravel(), len(COLORS)) / weights.sum()
    first, second, third = np.argsort(-shares, kind="stable")[:3]
    if shares[first] < _MULTICOLOR_SHARE and shares[third] > shares[first] / 2:
        return (_attribute("multicolor", _MULTICOLOR_RIGHT),)
    main = _attribute(COLORS[first], np.interp(shares[first], _SHARES, _RIGHT))
    if shares[second] < _SECOND_SHARE:
        return (main,)
    return main, _attribute(COLORS[second], shares[second])


def foreground(rgb: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Say where the picture does not look like its border.

    Args:
        rgb: As for ``colors``.

    Returns:
        Bool, shape (H, W), in blocks of four by four pixels; all true where the border tells nothing.
    """
    blocks = _foreground(to_lab(_samples(rgb))) > 0
    rows = np.minimum(np.arange(rgb.shape[0]) // 4, blocks.shape[0] - 1)
    columns = np.minimum(np.arange(rgb.shape[1]) // 4, blocks.shape[1] - 1)
    return blocks[np.ix_(rows, columns)]


def _attribute(name: str, confidence: float) -> Attribute:
    return Attribute("color", name, round(float(confidence), 4))


def _foreground(lab: Floats) -> Floats:
    """Return a weight for each pixel, shape (H, W): 0 where it looks like the border, more in the middle."""
    height, width = lab.shape[:2]
    depth = max(1, round(min(height, width) * _BORDER))
    is_edge = np.ones((height, width), bool)
    is_edge[depth:-depth, depth:-depth] = False
    middle = slice(height // 3, -(height // 3)), slice(width // 3, -(width // 3))
    is_background = np.zeros((height, width), bool)
    planes = np.ascontiguousarray(np.moveaxis(lab, -1, 0))
    for tone in _main_tones(planes[:, is_edge]):
        is_tone = _squares(planes, tone) < _TONE_RADIUS**2
        # A product that fills the frame touches the border too, but then it holds the middle.
        if is_tone[is_edge].mean() > is_tone[middle].mean():
            is_background |= is_tone
    weights = _centre(height, width)
    return weights if (~is_background).mean() < _LEAST_FOREGROUND else weights * ~is_background


def _main_tones(edge: Floats) -> list[Floats]:
    """Return the Lab means of the tones that make up most of the border, found greedily.

    Args:
        edge: Lab of the border's N pixels, shape (3, N).
    """
    tones: list[Floats] = []
    rest = edge
    while len(tones) < 4 and rest.shape[1] > 0.12 * edge.shape[1]:
        distances = _squares(rest, np.median(rest, axis=1))
        is_near = distances <= max(_TONE_RADIUS**2, float(np.quantile(distances, 0.2)))
        tones.append(rest[:, is_near].mean(axis=1))
        rest = rest[:, ~is_near]
    return tones


def _squares(planes: Floats, tone: Floats) -> Floats:
    """Return the squared distances of Lab planes, shape (3, ...), from one tone."""
    lightness, a, b = (plane - value for plane, value in zip(planes, tone, strict=True))
    squares: Floats = lightness * lightness + a * a + b * b
    return squares


def _names(lab: Floats) -> NDArray[np.intp]:
    """Return the index in ``COLORS`` of each pixel's name, shape (H, W)."""
    brightest = max(1.0, float(np.percentile(lab[..., 0], 99)))
    gain = min(_MOST_GAIN, max(1.0, _WHITE_LIGHTNESS / brightest))
    lightness = lab[..., 0] * gain
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    hue = (np.degrees(np.arctan2(lab[..., 2], lab[..., 1])) % 360).astype(np.intp)
    # In the dark a tint is noise or the lamp's.
    gray = _gray_chroma()[hue] * np.where(lightness < 26, 1.5, 1.0)
    names = np.full(hue.shape, _GRAY)
    names[lightness > 77] = COLORS.index("white")
    names[lightness < 30] = COLORS.index("black")
    is_tinted = chroma >= gray
    names[is_tinted] = _hue_names(lightness[is_tinted], chroma[is_tinted], hue[is_tinted])
    return names


def _hue_names(lightness: Floats, chroma: Floats, hue: NDArray[np.intp]) -> NDArray[np.intp]:
    groups, least_lightness, least_chroma, names = _hue_table()
    group = groups[hue]
    holds = (lightness[..., None] >= least_lightness[group]) & (chroma[..., None] >= least_chroma[group])
    named: NDArray[np.intp] = names[group, holds.argmax(axis=-1)]
    return named


@cache
def _gray_chroma() -> Floats:
    """Return the chroma up to which each whole degree of hue passes as gray, shape (361,)."""
    ends, limits = zip(*_GRAY_CHROMA, strict=True)
    return np.array(limits, np.float32)[np.searchsorted(ends[:-1], np.arange(361), side="right")]


@cache
def _hue_table() -> tuple[NDArray[np.intp], Floats, Floats, NDArray[np.intp]]:
    """Return ``_HUES`` as arrays: a whole degree's group (361,); lightness, chroma and name (G, rules)."""
    most = max(len(rules) for _, rules in _HUES)
    padded = [rules + rules[-1:] * (most - len(rules)) for _, rules in _HUES]
    lightness = np.array([[rule[0] for rule in rules] for rules in padded], np.float32)
    chroma = np.array([[rule[1] for rule in rules] for rules in padded], np.float32)
    names = np.array([[COLORS.index(rule[2]) for rule in rules] for rules in padded], np.intp)
    groups = np.searchsorted([end for end, _ in _HUES[:-1]], np.arange(361), side="right")
    return groups, lightness, chroma, names


@cache
def _centre(height: int, width: int) -> Floats:
    rows = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    weights: Floats = np.exp(-(rows**2 + columns**2) / 0.5)
    return weights


def _samples(rgb: NDArray[np.uint8]) -> Floats:
    """Average blocks of 2 by 2 pixels and keep every other one of them each way.

    A fabric's grain and the sensor's noise are no colours; wider blocks would mix stripes.
    """
    height, width = rgb.shape[0] // 4 * 4, rgb.shape[1] // 4 * 4
    corners = [rgb[row:height:4, column:width:4] for row in (0, 1) for column in (0, 1)]
    means: Floats = np.mean(corners, axis=0, dtype=np.float32)
    return means


# Linear sRGB to XYZ, each row divided by the D65 white point.
_TO_XYZ: Final = np.array(
    [
        [0.4124564 / 0.95047, 0.3575761 / 0.95047, 0.1804375 / 0.95047],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339 / 1.08883, 0.1191920 / 1.08883, 0.9503041 / 1.08883],
    ],
    np.float32,
)


def to_lab(rgb: Floats) -> Floats:
    """Convert sRGB, 0 to 255, shape (..., 3), to CIE Lab. Source: IEC 61966-2-1 and CIE 15."""
    xyz = _linear()[np.round(rgb).astype(np.intp)] @ _TO_XYZ.T
    root = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), axis=-1).astype(np.float32)


@cache
def _linear() -> Floats:
    values = np.arange(256) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).astype(np.float32)
