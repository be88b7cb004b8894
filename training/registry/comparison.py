"""How two bundles answer the same held-out photos, and how sure the difference between them is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from imagineai_vision.engine import Engine
from imagineai_vision.vocabulary import OTHER
from training.photos.held_out import HeldOutPhoto

_INTERVAL: Final = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Answers:
    """One bundle's answers to N photos.

    Attributes:
        labels: What it answers, N labels.
        confidences: Of these labels, shape (N,).
        known: All labels that it can answer, "other" left out.
    """

    labels: tuple[str, ...]
    confidences: NDArray[np.float64]
    known: frozenset[str]

    def only(self, numbers: Sequence[int]) -> Answers:
        """Leave out the answers to all photos but those of these numbers."""
        labels = tuple(self.labels[number] for number in numbers)
        return Answers(labels, self.confidences[list(numbers)], self.known)

    def right(self, photos: Sequence[HeldOutPhoto]) -> NDArray[np.bool_]:
        """Say which of the N photos are answered with their label."""
        pairs = zip(self.labels, photos, strict=True)
        return np.array([answer == photo.label for answer, photo in pairs])


@dataclass(frozen=True, slots=True)
class Comparison:
    """Challenger against champion on the photos of labels that both know.

    Attributes:
        labels: How many labels those are.
        photos: How many photos.
        champion_accuracy: Share of them that the champion answers right.
        difference: By how much the challenger's share is higher.
        interval: 95 % bootstrap interval of the difference.
        worse: Share of the resamples in which the challenger loses more than the margin.
    """

    labels: int
    photos: int
    champion_accuracy: float
    difference: float
    interval: tuple[float, float]
    worse: float


def answer(bundle: Path, photos: Sequence[HeldOutPhoto]) -> Answers:
    """Have a bundle answer photos as it would when served.

    Raises:
        BundleError: It is not whole, or does not yield its golden outputs.
        PictureError: A photo is no picture.
    """
    engine = Engine.open(bundle)
    try:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = list(pool.map(lambda photo: engine.predict(photo.path.read_bytes()), photos))
    finally:
        engine.close()
    return Answers(
        labels=tuple(prediction.label for prediction in found),
        confidences=np.array([prediction.confidence for prediction in found]),
        known=frozenset(label.name for label in engine.bundle.labels) - {OTHER},
    )


def compare(
    challenger: Answers,
    champion: Answers,
    photos: Sequence[HeldOutPhoto],
    *,
    margin: float,
    resamples: int,
    seed: int,
) -> Comparison | None:
    """Compare on the labels that both know; None where no photo shows one of those.

    Args:
        challenger: Its answers to the photos.
        champion: Its answers to the same photos.
        photos: What was answered.
        margin: Accuracy whose loss counts as worse.
        resamples: Of the paired bootstrap.
        seed: Of the paired bootstrap.
    """
    shared = shared_photos(challenger, champion, photos)
    if not shared:
        return None
    theirs = champion.right(photos)[shared]
    ahead = challenger.right(photos)[shared].astype(float) - theirs
    differences = resampled_differences(challenger, champion, photos, resamples=resamples, seed=seed)
    low, high = np.percentile(differences, _INTERVAL)
    return Comparison(
        labels=len({photos[number].label for number in shared}),
        photos=len(ahead),
        champion_accuracy=float(theirs.mean()),
        difference=float(ahead.mean()),
        interval=(float(low), float(high)),
        worse=float((differences < -margin).mean()),
    )


def shared_photos(challenger: Answers, champion: Answers, photos: Sequence[HeldOutPhoto]) -> list[int]:
    """Return the numbers of the photos whose labels both know, on which alone they are compared."""
    known = challenger.known & champion.known
    return [number for number, photo in enumerate(photos) if photo.label in known]


def resampled_differences(
    challenger: Answers,
    champion: Answers,
    photos: Sequence[HeldOutPhoto],
    *,
    resamples: int,
    seed: int,
) -> NDArray[np.float64]:
    """Return by how much the challenger's accuracy is higher in each resample of the paired bootstrap.

    Photos are drawn by whole groups, as those of one sender or one 3D model are not independent.

    Args:
        challenger: Its answers to the photos.
        champion: Its answers to the same photos.
        photos: What was answered; at least one shows a label that both know.
        resamples: How many.
        seed: Of the draws.

    Source:
        Field and Welsh, "Bootstrapping clustered data", 2007.
    """
    shared = shared_photos(challenger, champion, photos)
    ahead = challenger.right(photos)[shared].astype(float) - champion.right(photos)[shared]
    _, members = np.unique([photos[number].group for number in shared], return_inverse=True)
    sums, counts = np.bincount(members, ahead), np.bincount(members)
    generator = np.random.default_rng(seed)
    draws = (generator.integers(0, len(sums), len(sums)) for _ in range(resamples))
    return np.array([sums[drawn].sum() / counts[drawn].sum() for drawn in draws])
