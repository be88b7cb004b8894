"""What the trunk's body sees, handed to whichever heads look at it."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Features(NamedTuple):
    """Feature maps of N pictures on the way through the trunk, float.

    Attributes:
        stride2: Shape (N, 16, H/2, W/2).
        stride4: Shape (N, 24, H/4, W/4).
        stride8: Shape (N, 40, H/8, W/8).
        stride16: Shape (N, 112, H/16, W/16); what the tail goes on from.
    """

    stride2: Tensor
    stride4: Tensor
    stride8: Tensor
    stride16: Tensor
