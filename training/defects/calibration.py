"""When a region is told of, and what its confidence means: set outside the weights."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from imagineai_vision.defects import DefectRule
from training.defects.measure import Findings


def defect_rule(findings: Findings, kinds: tuple[str, ...], edge: float, flagged_share: float) -> DefectRule:
    """Read off how scores become answers.

    Args:
        findings: On validation photos, good and painted.
        kinds: The head's types.
        edge: Share of a region's peak at which its outline is drawn.
        flagged_share: Share of good photos that may be flagged.

    Returns:
        The rule: a confidence is the probability that a region of this score overlaps a true defect, where as
        many pictures have defects as among the findings.

    Source:
        Platt, "Probabilistic Outputs for Support Vector Machines", 1999.
    """
    scores = np.array([[sighting.score] for sighting in findings.sightings])
    truth = np.array([sighting.is_defect for sighting in findings.sightings])
    fit = LogisticRegression(C=1e3).fit(scores, truth)
    return DefectRule(
        types=kinds,
        edge=edge,
        threshold=round(findings.threshold(flagged_share), 4),
        slope=round(float(fit.coef_[0, 0]), 4),
        offset=round(float(fit.intercept_[0]), 4),
    )
