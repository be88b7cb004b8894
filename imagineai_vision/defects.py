"""From the defect head's maps to boxes, types, severities and confidences."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imagineai_vision.color import to_lab
from imagineai_vision.findings import Attribute, Box, Defect
from imagineai_vision.picture import PictureFacts

Floats = NDArray[np.float32]
Places = NDArray[np.bool_]

_MOST: Final = 10
_PEAK_PLACES: Final = 4
"""A region stands as high as the mean of its so many surest places: a single one is noise."""
_MAY_BE_DEFECTS: Final = 2
"""So many regions may be defects; how high the others stand is how busy the picture is."""
_ANYWHERE: Final = np.ones((3, 3), bool)
# Severity grows with the defect's share of the picture and with how far it stands out in Lab.
_MEDIUM: Final = 0.055
_HIGH: Final = 0.16
_FULL_CONTRAST: Final = 45.0


@dataclass(frozen=True, slots=True)
class DefectRule:
    """How a bundle reads its defect head; outside the weights, set on good photos and painted ones.

    Attributes:
        types: The head's T types, in the order of its maps.
        edge: Share of a region's peak at which its outline is drawn, 0 to 1.
        threshold: Score from which a region is told of.
        slope: Of the logistic function that turns a score into a confidence.
        offset: Of the same.
    """

    types: tuple[str, ...]
    edge: float
    threshold: float
    slope: float
    offset: float

    @classmethod
    def read(cls, values: dict[str, Any]) -> DefectRule:
        """Read what model.json says under "defects".

        Raises:
            KeyError, TypeError, ValueError: It is malformed.
        """
        numbers = {name: float(values[name]) for name in ("edge", "threshold", "slope", "offset")}
        return cls(types=tuple(values["types"]), **numbers)

    def flags(self, presence: Floats, types: Floats) -> bool:
        """Say whether a picture with these maps would be told of."""
        return regions(presence, types, self.edge)[0].score >= self.threshold

    def confidence(self, score: float) -> float:
        """Return the probability that a region of this score is a defect."""
        return float(1 / (1 + np.exp(-(self.slope * score + self.offset))))


@dataclass(frozen=True, slots=True)
class Region:
    """Where a map stands out.

    Attributes:
        score: How far it stands out: mean logit of its surest places, less that of the picture's ordinary
            regions.
        mask: Bool, shape of the map.
        type: Index of the likeliest type.
    """

    score: float
    mask: Places
    type: int


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the defect head says of one picture; nothing, where a bundle has none.

    Attributes:
        defects: Those that reach the threshold, the surest first.
        score: Probability that there is any.
        attributes: The product's condition, which follows from them.
    """

    defects: tuple[Defect, ...] = ()
    score: float | None = None
    attributes: tuple[Attribute, ...] = ()


def regions(presence: Floats, types: Floats, edge: float) -> list[Region]:
    """Find the regions that stand out of a map, the surest first, at most ten.

    Args:
        presence: Logits, shape (H, W).
        types: Logits, shape (T, H/2, W/2).
        edge: As in ``DefectRule``.
    """
    probability = 1 / (1 + np.exp(-ndimage.gaussian_filter(presence, 0.5)))
    shares = np.exp(types - types.max(axis=0))
    shares /= shares.sum(axis=0)
    found = []
    rest = probability.copy()  # -1 where a region was taken
    for _ in range(_MOST):
        peak = np.unravel_index(rest.argmax(), rest.shape)
        if rest[peak] < 0:
            break
        is_high = rest >= edge * rest[peak]
        # What a gap of a place or two divides is one defect.
        joined, _ = ndimage.label(_grown(is_high, 1), _ANYWHERE)
        mask = is_high & (joined == joined[peak])
        rest[_grown(mask, 2)] = -1
        surest = np.sort(presence[mask])[-_PEAK_PLACES:]
        found.append(Region(float(surest.mean()), mask, _type(mask, probability, shares)))
    found.sort(key=lambda region: -region.score)
    # A button is odd on a plain shirt and nothing new on a patterned one.
    ordinary = [region.score for region in found[_MAY_BE_DEFECTS:]] or [found[-1].score]
    level = float(np.mean(ordinary))
    return [replace(region, score=region.score - level) for region in found]


def _grown(mask: Places, by: int) -> Places:
    """Widen a mask by so many places each way: a dilation, in a fifth of SciPy's time for a small map."""
    height, width = mask.shape
    padded = np.zeros((height + 2 * by, width + 2 * by), bool)
    padded[by:-by, by:-by] = mask
    rows = np.logical_or.reduce([padded[:, shift : shift + width] for shift in range(2 * by + 1)])
    grown: Places = np.logical_or.reduce([rows[shift : shift + height] for shift in range(2 * by + 1)])
    return grown


def inspect(
    rgb: NDArray[np.uint8], facts: PictureFacts, presence: Floats, types: Floats, rule: DefectRule
) -> Inspection:
    """Say which defects a picture shows.

    Args:
        rgb: As the network saw it, uint8, shape (S, S, 3).
        facts: Of the picture as it is stored.
        presence: Logits, shape (S/4, S/4).
        types: Logits, shape (T, S/8, S/8).
        rule: How the head is read.
    """
    found = regions(presence, types, rule.edge)
    score = rule.confidence(found[0].score)
    above = [region for region in found if region.score >= rule.threshold]
    told: tuple[Defect, ...] = ()
    if above:  # most pictures show none, and their colours need not be converted
        colours = to_lab(rgb[::4, ::4].astype(np.float32))
        told = tuple(_defect(region, colours, facts, rule) for region in above)
    return Inspection(told, round(score, 4), (_condition(told, score, rule),))


def _condition(defects: tuple[Defect, ...], score: float, rule: DefectRule) -> Attribute:
    """Name the product's condition by what was found on it."""
    if not defects:
        is_clean = score < rule.confidence(rule.threshold) / 2
        return Attribute("condition", "new" if is_clean else "like_new", round(1 - score, 4))
    severities = [defect.severity for defect in defects]
    surest = max(defect.confidence for defect in defects)
    if "high" in severities:
        return Attribute("condition", "poor", surest)
    return Attribute("condition", "fair" if "medium" in severities else "good", surest)


def _type(mask: Places, probability: Floats, shares: Floats) -> int:
    """Let the places of a region vote, each by how sure it is that there is a defect."""
    votes = probability * mask
    weights = votes[::2, ::2] + votes[::2, 1::2] + votes[1::2, ::2] + votes[1::2, 1::2]
    return int((shares.reshape(len(shares), -1) @ weights.ravel()).argmax())


def _defect(region: Region, colours: Floats, facts: PictureFacts, rule: DefectRule) -> Defect:
    kind, box = rule.types[region.type], box_of(region.mask, facts.width, facts.height)
    severity, name = _severity(region.mask, colours), kind.replace("_", " ")
    where = _where(box, facts)
    description = f"{severity.capitalize()} {name} {where}, about {box.width} by {box.height} pixels."
    return Defect(kind, severity, round(rule.confidence(region.score), 4), box, description)


def box_of(mask: Places, width: int, height: int) -> Box:
    """Return the box around a region in pixels of a picture of this size; at least a pixel each way."""
    rows, columns = ndimage.find_objects(mask.astype(np.uint8))[0]
    across, down = width / mask.shape[1], height / mask.shape[0]
    left, top = min(int(columns.start * across), width - 1), min(int(rows.start * down), height - 1)
    right, bottom = round(columns.stop * across), round(rows.stop * down)
    return Box(left, top, max(1, min(right, width) - left), max(1, min(bottom, height) - top))


def _severity(mask: Places, colours: Floats) -> str:
    """Weigh a region's share of the picture with how far its colours are from those around it."""
    around = _grown(mask, 2) & ~mask
    apart = np.linalg.norm(colours[mask].mean(axis=0) - colours[around].mean(axis=0)) if around.any() else 0.0
    weight = float(np.sqrt(mask.mean()) * (0.5 + min(1.0, apart / _FULL_CONTRAST)))
    return "high" if weight >= _HIGH else "medium" if weight >= _MEDIUM else "low"


def _where(box: Box, facts: PictureFacts) -> str:
    x, y = (box.x + box.width / 2) / facts.width, (box.y + box.height / 2) / facts.height
    down = "at the top" if y < 1 / 3 else "at the bottom" if y > 2 / 3 else "in the middle"
    across = " left" if x < 1 / 3 else " right" if x > 2 / 3 else ""
    return down + across
