"""How sure an answer may be: temperatures, thresholds, and the error of stated confidences.

Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

_TEMPERATURES: Final = torch.logspace(-1.4, 1.4, 113)
BINS: Final = 15
_SLOPES: Final = torch.linspace(1.0, 6.0, 26)
_FEWEST: Final = 10
"""Photos from which on a figure about confidence is worth more than none."""
_OF_ITS_OWN: Final = 100
"""Answers from which on a label's own threshold is worth more than that of all labels: of few it is luck."""


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Return the temperature under which the labels are likeliest; 1 where too few are known.

    Args:
        logits: Shape (N, K).
        labels: Indices, shape (N,).
    """
    if len(labels) < _FEWEST:
        return 1.0
    losses = [float(functional.cross_entropy(logits / t, labels)) for t in _TEMPERATURES]
    return round(float(_TEMPERATURES[int(np.argmin(losses))]), 4)


def fit_gate(handed: Tensor, learned: Tensor, missed: float) -> tuple[float, float]:
    """Return slope and offset of the log odds by which what is handed over becomes the branch's share.

    The curve passes one half where all but a few of the photos lie above; among its slopes the one is taken
    under which the photos' labels are likeliest.

    Args:
        handed: What the classes hand over for N photos of trained labels, shape (N,).
        learned: What the branch gives the photos' labels, shape (N,).
        missed: Share of the photos that may lie below.
    """
    odds = torch.logit(handed.double(), eps=1e-6)
    middle = float(odds.quantile(missed))
    losses = [
        -((slope * (odds - middle)).sigmoid() * learned).clamp_min(1e-9).log().mean() for slope in _SLOPES
    ]
    slope = float(_SLOPES[int(np.argmin(losses))])
    return round(slope, 4), round(-slope * middle, 4)


def thresholds(
    confidences: NDArray[np.float64], answers: NDArray[np.intp], right: NDArray[np.bool_], labels: int
) -> list[float]:
    """Return for each label the confidence under which an answer is more often wrong than right.

    Args:
        confidences: Of N answers.
        answers: Index of the label answered, shape (N,).
        right: Whether it is the photo's, shape (N,).
        labels: Number of labels. One with fewer than a hundred answers gets what holds for all together.
    """
    of_all = _threshold(confidences, right)
    chosen = []
    for label in range(labels):
        mine = answers == label
        enough = mine.sum() >= _OF_ITS_OWN
        chosen.append(_threshold(confidences[mine], right[mine]) if enough else of_all)
    return chosen


def expected_error(confidences: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Return the expected calibration error over bins of equal width, 0 to 1."""
    places = np.minimum((confidences * BINS).astype(int), BINS - 1)
    error = 0.0
    for place in range(BINS):
        inside = places == place
        if inside.any():
            error += inside.mean() * abs(confidences[inside].mean() - right[inside].mean())
    return float(error)


def _threshold(confidences: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Return the threshold that keeps most right answers more than wrong ones; 0 where none are known."""
    if len(confidences) < _FEWEST:
        return 0.0
    order = np.argsort(-confidences)
    gains = np.cumsum(np.where(right[order], 1, -1))
    last = len(gains) - 1 - int(np.argmax(gains[::-1]))
    if last == len(gains) - 1:
        return 0.0
    return round(float(confidences[order[last : last + 2]].mean()), 4)
