"""The figures of an evaluation, beside those of the plain baselines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.branch.calibration import expected_error
from training.judging.baselines import imagenet, ridge
from training.judging.resampling import Share, share
from training.judging.scoring import Embedded, Scored
from training.photos.dataset import Dataset

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Figures:
    """What the test photos say.

    Attributes:
        trained: Right when made to choose among the trained labels.
        served: Right as served: the best of all labels, or "other".
        category: Category right as served.
        other: Answered "other".
        calibration_error: Of the confidences served, "other" left aside.
        ridge: As ``trained``, by ridge regression on the untouched network's features.
        imagenet: As ``trained``, by the untouched head.
        labels: ``served`` of each label that has test photos.
        sources: ``served`` of each source.
    """

    trained: Share
    served: Share
    category: Share
    other: Share
    calibration_error: float
    ridge: Share
    imagenet: Share
    labels: dict[str, Share]
    sources: dict[str, Share]

    def as_metrics(self) -> dict[str, float]:
        """Return plain numbers by name, for DVC and MLflow."""
        return {
            "trained_accuracy": self.trained.value,
            "served_accuracy": self.served.value,
            "category_accuracy": self.category.value,
            "other_share": self.other.value,
            "calibration_error": self.calibration_error,
            "ridge_accuracy": self.ridge.value,
            "imagenet_accuracy": self.imagenet.value,
            "photos": self.trained.photos,
        }


def judge(
    scored: Scored,
    dataset: Dataset,
    train: Embedded,
    validation: Embedded,
    head: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> Figures:
    """Return the figures.

    Args:
        scored: Answers for the test photos.
        dataset: That they are of.
        train: What the baselines are fitted to.
        validation: What they are tuned with.
        head: Weights and bias of the untouched head.
    """
    groups, truth = scored.photos.groups, scored.truth
    count = len(dataset.labels)
    served = right_as_served(scored, dataset)
    category = np.array(
        [
            answer.category == dataset.labels[label].category
            for answer, label in zip(scored.predictions, truth, strict=True)
        ]
    )
    is_other = np.array([answer.category == "other" for answer in scored.predictions])
    confidences = np.array([answer.confidence for answer in scored.predictions])
    return Figures(
        trained=share(scored.trained.argmax(axis=1) == truth, groups),
        served=share(served, groups),
        category=share(category, groups),
        other=share(is_other, groups),
        calibration_error=expected_error(confidences[~is_other], served[~is_other]),
        ridge=share(ridge(train, validation, scored.embeddings, count) == truth, groups),
        imagenet=share(imagenet(train, scored.embeddings, *head, count) == truth, groups),
        labels=_parts(served, groups, [dataset.labels[label].name for label in truth]),
        sources=_parts(served, groups, scored.photos.sources),
    )


def right_as_served(scored: Scored, dataset: Dataset) -> Flags:
    """Return whether the label served is the photo's, shape (N,)."""
    return np.array(
        [
            answer.label == dataset.labels[label].name
            for answer, label in zip(scored.predictions, scored.photos.labels, strict=True)
        ]
    )


def _parts(right: Flags, groups: tuple[str, ...], names: list[str] | tuple[str, ...]) -> dict[str, Share]:
    return {
        name: share(right[chosen], [groups[index] for index in chosen])
        for name in sorted(set(names))
        for chosen in [[index for index, other in enumerate(names) if other == name]]
    }
