"""How far a figure may be off: intervals by the bootstrap over groups, as photos of one group are alike.

Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993; Field and Welsh, "Bootstrapping
clustered data", 2007.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_DRAWS: Final = 2000
_SEED: Final = 0


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its 95 % interval, and how many photos it is of."""

    value: float
    low: float
    high: float
    photos: int

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def share(right: NDArray[np.bool_], groups: Sequence[str]) -> Share:
    """Return the share of the photos that are right.

    Args:
        right: Of at least one photo.
        groups: Of the same.
    """
    _, index = np.unique(np.array(groups), return_inverse=True)
    count = np.bincount(index)
    hits = np.bincount(index, right.astype(np.float64))
    draws = np.random.default_rng(_SEED).integers(len(count), size=(_DRAWS, len(count)))
    values = hits[draws].sum(axis=1) / count[draws].sum(axis=1)
    low, high = np.quantile(values, (0.025, 0.975))
    return Share(float(right.mean()), float(low), float(high), len(right))
