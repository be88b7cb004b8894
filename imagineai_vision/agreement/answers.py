"""What one way of computing answers for photos, kept whole so that two ways can be compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from imagineai_vision import picture
from imagineai_vision.agreement.plain import Read
from imagineai_vision.bundle import DEFECT_OUTPUTS, LABEL_OUTPUTS, Bundle
from imagineai_vision.classification import label_scores
from imagineai_vision.placements.placement import Outputs, Placement

_AT_ONCE: Final = 8
"""Pictures that are in work together: enough for batches to form."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers for N photos.

    Attributes:
        rgb: What the decode made of them, uint8, shape (N, size, size, 3).
        labels: The labels as served.
        probabilities: Of all L labels, shape (N, L).
        embeddings: Shape (N, 1280).
        maps: Those of the defect head by name, in logits; empty where there is none.
        is_flagged: Whether a defect would be told of, shape (N,).
    """

    rgb: NDArray[np.uint8]
    labels: tuple[str, ...]
    probabilities: NDArray[np.float64]
    embeddings: Floats
    maps: dict[str, Floats]
    is_flagged: NDArray[np.bool_]


def answers(
    bundle: Bundle,
    placement: Placement,
    photos: Sequence[Callable[[], bytes]],
    read: Read = picture.read,
) -> Answers:
    """Let a placement answer for photos, several at once, as it is served.

    Args:
        bundle: That the placement has loaded.
        placement: What computes.
        photos: Each gives a picture file's bytes; at least one.
        read: The decode.

    Raises:
        PictureError: One is no picture.
    """

    def one(photo: Callable[[], bytes]) -> tuple[NDArray[np.uint8], Outputs]:
        data = photo()
        with placement.expected() as compute:
            rgb = read(data, bundle.size)
            return rgb, compute(rgb)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        rgb, outputs = zip(*pool.map(one, photos), strict=True)
    together = {name: np.concatenate([one[name] for one in outputs]) for name in bundle.outputs}
    logits = together[LABEL_OUTPUTS[0]]
    maps: dict[str, Floats] = {name: together[name] for name in DEFECT_OUTPUTS if name in together}
    return Answers(
        rgb=np.stack(rgb),
        labels=tuple(label_scores(one, bundle.labels, bundle.temperature)[0].name for one in logits),
        probabilities=_probabilities(logits, bundle.temperature),
        embeddings=together[LABEL_OUTPUTS[1]],
        maps=maps,
        is_flagged=_flagged(bundle, maps, len(logits)),
    )


def _probabilities(logits: Floats, temperature: float) -> NDArray[np.float64]:
    scaled = (logits.astype(np.float64) - logits.max(axis=1, keepdims=True)) / temperature
    odds: NDArray[np.float64] = np.exp(scaled)
    shares: NDArray[np.float64] = odds / odds.sum(axis=1, keepdims=True)
    return shares


def _flagged(bundle: Bundle, maps: dict[str, Floats], photos: int) -> NDArray[Any]:
    if bundle.defect_rule is None:
        return np.zeros(photos, bool)
    pairs = zip(*(maps[name] for name in DEFECT_OUTPUTS), strict=True)
    return np.array([bundle.defect_rule.flags(presence, types) for presence, types in pairs])
