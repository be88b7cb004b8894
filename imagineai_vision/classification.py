"""From a label head's logits to the scores that the contract promises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from imagineai_vision.vocabulary import OTHER

TOP_LABELS: Final = 10

_UNITS: Final = 1_000_000
"""Scores are counted in millionths, so that they add up to exactly one and rounding cannot make a tie."""


@dataclass(frozen=True, slots=True)
class Label:
    """A fine label, where it belongs, and the probability under which it is not answered."""

    name: str
    category: str
    subcategory: str
    threshold: float


def label_scores(
    logits: NDArray[np.float32], labels: Sequence[Label], temperature: float
) -> tuple[Label, dict[str, float]]:
    """Choose the label and its scores.

    Args:
        logits: Of the label head, shape (L,).
        labels: The L labels in the order of the columns, "other" among them.
        temperature: Softmax temperature T > 0, no unit.

    Returns:
        The label, and probability by label name, adding up to 1: the ten best that reach their threshold, all
        else under "other". The label is their only maximum.

    Raises:
        ValueError: The logits are not L finite numbers.

    Source:
        Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, for the temperature.
    """
    if logits.shape != (len(labels),) or not np.isfinite(logits).all():
        raise ValueError(f"the label head must yield {len(labels)} finite numbers")
    scaled = (logits.astype(np.float64) - logits.max()) / temperature
    probabilities = np.exp(scaled) / np.exp(scaled).sum()
    counts: dict[str, int] = {}
    for index in np.argsort(-probabilities, kind="stable"):
        label, count = labels[index], int(probabilities[index] * _UNITS)
        if len(counts) == TOP_LABELS or count == 0:
            break
        if label.name != OTHER and probabilities[index] >= label.threshold:
            counts[label.name] = count
    counts[OTHER] = _UNITS - sum(counts.values())
    best = _make_unique_maximum(counts)
    return next(label for label in labels if label.name == best), {k: v / _UNITS for k, v in counts.items()}


def _make_unique_maximum(counts: dict[str, int]) -> str:
    """Return the largest entry's name; whoever ties with it gives it one unit."""
    best = max(counts, key=lambda name: counts[name])
    for name in counts:
        if name != best and counts[name] == counts[best]:
            counts[name] -= 1
            counts[best] += 1
    return best
