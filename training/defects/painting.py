"""Pictures with defects of known place and type, painted into good ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from imagineai_vision.findings import Box
from training.defects.kinds import KINDS, Style
from training.defects.shapes import Floats, Generator

_TRIES: Final = 12
_VISIBLE: Final = 0.3
"""From which share of a pixel on it counts as part of the defect."""


@dataclass(frozen=True, slots=True)
class Painted:
    """A defect that was painted.

    Attributes:
        kind: Its type.
        mask: Where it is, bool, shape (H, W).
        box: Around it, in pixels.
        contrast: How far it stands out: mean change of its pixels in levels of 255, over the three channels.
    """

    kind: str
    mask: NDArray[np.bool_]
    box: Box
    contrast: float


def paint(
    rgb: NDArray[np.uint8], product: NDArray[np.bool_], kinds: Sequence[str], style: Style, rng: Generator
) -> tuple[NDArray[np.uint8], list[Painted]]:
    """Paint one defect of each of these types; one that cannot be seen is tried anew elsewhere.

    Args:
        rgb: A good picture, uint8, shape (H, W, 3).
        product: Where defects may be, bool, shape (H, W).
        kinds: Types, of ``KINDS``.
        style: What they look like.
        rng: The source of chance.

    Returns:
        The changed picture, and the defects that could be placed.
    """
    now: Floats = rgb.astype(np.float32)
    painted = []
    for kind in kinds:
        for _ in range(_TRIES):
            changed, soft = KINDS[kind](now, product, style, rng)
            on_product = soft * product
            changed = np.clip(now + (changed - now) * product[..., None], 0, 255)
            found = _judged(kind, now, changed, on_product, style)
            if found is not None:
                now = changed
                painted.append(found)
                break
    return np.round(now).astype(np.uint8), painted


def _judged(kind: str, before: Floats, after: Floats, soft: Floats, style: Style) -> Painted | None:
    mask = soft > _VISIBLE
    objects = find_objects(mask.astype(np.uint8))
    if not objects or mask.sum() < 12:
        return None
    rows, columns = objects[0]
    height, width = rows.stop - rows.start, columns.stop - columns.start
    contrast = float(np.abs(after - before).mean(axis=2)[mask].mean())
    if contrast < 0.45 * style.contrast[0] or max(height, width) < 0.04 * min(mask.shape):
        return None
    return Painted(kind, mask, Box(columns.start, rows.start, width, height), contrast)
