"""How well painted defects are found again: on photos and in styles that training did not see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from imagineai_vision.defects import Region, box_of, regions
from imagineai_vision.findings import Box
from training.defects.examples import Example
from training.defects.kinds import TYPES

_OVERLAP: Final = 0.3

Floats = NDArray[np.float32]
Maps = Callable[[NDArray[np.uint8]], tuple[Floats, Floats]]
"""One picture, uint8, shape (S, S, 3), to its presence and type logits."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A region and what there is to say of it.

    Attributes:
        score: Of the region.
        is_defect: Whether it overlaps a painted defect enough.
    """

    score: float
    is_defect: bool


@dataclass(frozen=True, slots=True)
class Search:
    """One painted defect and the best region that overlaps it enough.

    Attributes:
        kind: What was painted.
        contrast: How far it stands out, in levels of 255.
        score: Of that region; None where there is none.
        named: The type that the region was given.
    """

    kind: str
    contrast: float
    score: float | None
    named: str | None


@dataclass(frozen=True, slots=True)
class Findings:
    """What came of looking at examples.

    Attributes:
        plain_scores: The surest region of each photo that nothing was done to.
        sightings: Every region of every picture.
        searches: One entry a painted defect.
    """

    plain_scores: list[float]
    sightings: list[Sighting]
    searches: list[Search]

    def threshold(self, flagged_share: float) -> float:
        """Return the score that this share of the plain photos reaches."""
        return float(np.quantile(self.plain_scores, 1 - flagged_share))

    def add_good(self, maps: tuple[Floats, Floats], edge: float) -> None:
        """Take in a photo that nothing was done to."""
        seen = regions(*maps, edge)
        self.plain_scores.append(seen[0].score)
        self.sightings.extend(Sighting(region.score, is_defect=False) for region in seen)

    def found(self, threshold: float, kind: str | None = None) -> float | None:
        """Return the share of painted defects, of one type or of all, found at a threshold; None of none."""
        of_kind = [search for search in self.searches if kind in (None, search.kind)]
        return _share([_is_found(search, threshold) for search in of_kind])

    def named_right(self, threshold: float) -> float | None:
        """Return the share of those found whose type is right; None where none was found."""
        return _share([s.named == s.kind for s in self.searches if _is_found(s, threshold)])


def look(examples: Iterable[Example], maps: Maps, edge: float) -> Findings:
    """Search examples for what was painted into them."""
    findings = Findings([], [], [])
    for example in examples:
        presence, types = maps(example.rgb)
        seen = regions(presence, types, edge)
        height, width = example.shape
        boxes = [box_of(region.mask, width, height) for region in seen]
        for region, box in zip(seen, boxes, strict=True):
            is_defect = any(overlap(box, painted.box) >= _OVERLAP for painted in example.painted)
            findings.sightings.append(Sighting(region.score, is_defect))
        for painted in example.painted:
            hit = _best(seen, boxes, painted.box)
            score, named = (hit.score, TYPES[hit.type]) if hit else (None, None)
            findings.searches.append(Search(painted.kind, painted.contrast, score, named))
    return findings


def overlap(one: Box, other: Box) -> float:
    """Return the intersection of two boxes over their union, 0 to 1."""
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (one.width * one.height + other.width * other.height - shared)


def _best(seen: list[Region], boxes: list[Box], painted: Box) -> Region | None:
    hits = [region for region, box in zip(seen, boxes, strict=True) if overlap(box, painted) >= _OVERLAP]
    return max(hits, key=lambda region: region.score, default=None)


def _is_found(search: Search, threshold: float) -> bool:
    return search.score is not None and search.score >= threshold


def _share(values: Sequence[bool]) -> float | None:
    return round(float(np.mean(values)), 4) if values else None
