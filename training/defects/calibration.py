"""When a region is told of, and what its confidence means: set outside the weights."""

from __future__ import annotations

from typing import Final

import numpy as np
from sklearn.linear_model import LogisticRegression

from imagineai_vision.defects import DefectRule
from training.defects.measure import Findings

_NEVER: Final = 5.0
"""How far over every score seen the threshold is that nothing reaches."""


def defect_rule(findings: Findings, kinds: tuple[str, ...], edge: float, flagged_share: float) -> DefectRule:
    """Read off how scores become answers.

    Args:
        findings: On validation photos, good and painted.
        kinds: The head's types.
        edge: Share of a region's peak at which its outline is drawn.
        flagged_share: Share of good photos that may be flagged.

    Returns:
        The rule: a confidence is the probability that a region of this score overlaps a true defect, where as
        many pictures have defects as among the findings. It tells of nothing where the head learned nothing.

    Source:
        Platt, "Probabilistic Outputs for Support Vector Machines", 1999.
    """
    slope, offset = _logistic(findings)
    threshold = findings.threshold(flagged_share)
    if slope <= 0:
        slope, offset = 1.0, -(max(sighting.score for sighting in findings.sightings) + _NEVER)
        threshold = -offset
    return DefectRule(
        kinds, edge, threshold=round(threshold, 4), slope=round(slope, 4), offset=round(offset, 4)
    )


def _logistic(findings: Findings) -> tuple[float, float]:
    """Fit the probability of a defect to scores; a slope of 0 says that they tell nothing."""
    truth = np.array([sighting.is_defect for sighting in findings.sightings])
    if truth.all() or not truth.any():
        return 0.0, 0.0
    scores = np.array([[sighting.score] for sighting in findings.sightings])
    fit = LogisticRegression(C=1e3).fit(scores, truth)
    return float(fit.coef_[0, 0]), float(fit.intercept_[0])
