"""ImageNet's labels and the trained ones as one list, and what the classes hand over to the trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagineai_vision.vocabulary import OTHER
from training.photos.dataset import PlacedLabel
from training.photos.labels import taxonomy
from training.starter import class_offsets


@dataclass(frozen=True, slots=True)
class ShopLabels:
    """All labels that a network answers with.

    Attributes:
        labels: Name, category, subcategory and threshold of each, as model.json has them, by name.
        class_labels: For each of ImageNet's classes the index of its label.
        class_offsets: For each class the log of how much more frequent it is in a shop.
        trained_labels: For each trained label its index.
    """

    labels: list[dict[str, Any]]
    class_labels: list[int]
    class_offsets: list[float]
    trained_labels: list[int]


def join(trained: Sequence[PlacedLabel], other_prior: float, threshold: float) -> ShopLabels:
    """Join the labels; one that ImageNet has too is one label, placed as the trained one is.

    Args:
        trained: In the order of the branch's columns.
        other_prior: Expected share of pictures that show no product, between 0 and 1.
        threshold: Of the labels that ImageNet alone knows.
    """
    classes = [row for row in taxonomy() if row["source"] == "imagenet"]
    placed = {row["shop_label"]: (row["category"], row["subcategory"]) for row in classes}
    placed |= {label.name: (label.category, label.subcategory) for label in trained}
    names = sorted(placed)
    labels = [
        {
            "name": name,
            "category": placed[name][0],
            "subcategory": placed[name][1],
            "threshold": 0.0 if name == OTHER else threshold,
        }
        for name in names
    ]
    return ShopLabels(
        labels,
        class_labels=[names.index(row["shop_label"]) for row in classes],
        class_offsets=class_offsets(classes, other_prior),
        trained_labels=[names.index(label.name) for label in trained],
    )


def class_shares(mass: NDArray[np.float32], offsets: Sequence[float], prior: float) -> list[float]:
    """Return for each class the probability that a picture it is given for shows a trained label.

    Args:
        mass: Mean probability of each class on training photos, adding up to 1.
        offsets: Of the classes, as in ``ShopLabels``.
        prior: Expected share of pictures that show a trained label, between 0 and 1.
    """
    elsewhere = [math.exp(offset) / len(offsets) for offset in offsets]
    return [
        round(prior * inside / (prior * inside + (1 - prior) * outside), 6)
        for inside, outside in zip(map(float, mass), elsewhere, strict=True)
    ]
