"""The proof that a bundle answers here as it did where it was made: its golden outputs."""

from __future__ import annotations

import zipfile
from typing import Final

import numpy as np
from numpy.typing import NDArray

from imagineai_vision.bundle import GOLDEN, LABEL_OUTPUTS, Bundle, BundleError
from imagineai_vision.color import colors
from imagineai_vision.placements.placement import Outputs, Placement

_NEXT_TO_NOTHING: Final = 10.0
"""A label whose logit lies so far under the likeliest one's has a probability whose log is exact nowhere."""


def check_golden(bundle: Bundle, placement: Placement) -> None:
    """Compare what a placement answers with what the bundle says, in batches of every size that it computes.

    This also warms the network and the palette.

    Raises:
        BundleError: The outputs are further apart than the bundle allows on the device, or not to be read.
    """
    try:
        with np.load(bundle.folder / GOLDEN, allow_pickle=False) as golden:
            rgb, expected = golden["rgb"], {name: golden[name] for name in bundle.outputs}
        tolerance = bundle.tolerances[placement.device]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise BundleError(f"{GOLDEN} of the bundle is malformed: {error}.") from error
    for size in placement.batches:
        for part in _batches(len(rgb), size):
            _compare(placement.outputs(rgb[part]), {k: v[part] for k, v in expected.items()}, tolerance)
    colors(rgb[0])
    if expected["label_logits"].shape[1] != len(bundle.labels):
        raise BundleError("The bundle has another number of labels than its network.")


def furthest(name: str, outputs: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Return how far outputs are apart, NaN where one is; labels with next to no probability do not count.

    Args:
        name: Of the output.
        outputs: What a placement yields, shape (N, ...).
        expected: What another one yields, of the same shape.
    """
    apart = np.abs(outputs - expected)
    if name == LABEL_OUTPUTS[0]:
        likeliest = expected.max(axis=1, keepdims=True)
        apart = apart[~((expected < likeliest - _NEXT_TO_NOTHING) & np.isfinite(outputs))]
    return float(apart.max())


def _batches(count: int, size: int) -> list[NDArray[np.intp]]:
    """Split so many pictures into batches of a size; the last one is filled up from the front."""
    numbers = np.arange(-(-count // size) * size) % count
    return list(numbers.reshape(-1, size))


def _compare(outputs: Outputs, expected: Outputs, tolerance: float) -> None:
    for name, values in expected.items():
        if outputs[name].shape != values.shape:
            raise BundleError(f"The bundle's {name} has another shape than its golden output.")
        difference = furthest(name, outputs[name], values)
        # Written so that NaN fails.
        if not difference <= tolerance:
            raise BundleError(
                f"The bundle does not yield its golden outputs here: {name} is off by {difference:.3g}, "
                f"allowed is {tolerance:.3g}."
            )
