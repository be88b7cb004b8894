"""What the engine asks of a placement: pictures in, the network's outputs out, from any thread."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
Outputs = dict[str, NDArray[np.float32]]
"""The network's outputs by name; the first axis counts the pictures."""
Compute = Callable[[Rgb], Outputs]
"""One picture, uint8, shape (size, size, 3), to its outputs, the first axis of length 1."""
GivenUp = Callable[[], bool]
"""Whether nobody waits for a picture any longer."""


class NobodyWaits(Exception):
    """The picture's caller has given up: it was not computed."""


def somebody_waits() -> bool:
    """Say of a picture that it is waited for, whatever happens."""
    return False


class Placement(Protocol):
    """A network that is loaded somewhere.

    Attributes:
        device: "cpu" or "cuda"; the bundle's tolerance of the same name is the one that counts.
        batches: Sizes of the batches that it computes, from one picture to the most at once.
    """

    device: str
    batches: tuple[int, ...]

    def expected(self, given_up: GivenUp = somebody_waits) -> AbstractContextManager[Compute]:
        """Say that a picture is being decoded, and give what computes it.

        Args:
            given_up: Asked before the picture is computed.

        Raises:
            NobodyWaits: The picture's caller gave up before it was computed.
            RuntimeError: The placement is closed.
        """

    def outputs(self, rgb: Rgb) -> Outputs:
        """Return the outputs of N pictures, uint8, shape (N, size, size, 3).

        Raises:
            RuntimeError: The placement is closed.
        """

    def close(self) -> None:
        """Let calls under way end, then free what is held."""
