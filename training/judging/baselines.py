"""Plain ways to the same labels, to be beaten: the untouched head, and ridge on frozen features."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.judging.scoring import Embedded

_PENALTIES: Final = (10.0, 100.0, 1000.0, 10000.0)

Floats = NDArray[np.float32]


def ridge(train: Embedded, validation: Embedded, embeddings: Floats, labels: int) -> NDArray[np.intp]:
    """Return the label index of each picture by ridge regression on the labels' indicators.

    Args:
        train: To fit.
        validation: To choose the penalty by; may be empty.
        embeddings: Of the pictures to judge, shape (N, 1280).
        labels: Number of labels.
    """
    features = train.features.astype(np.float64)
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-3
    targets = np.eye(labels)[train.labels]
    centred = (features - mean) / scale
    gram, cross = centred.T @ centred, centred.T @ (targets - targets.mean(axis=0))

    def answers(penalty: float, judged: Floats) -> NDArray[np.intp]:
        weights = np.linalg.solve(gram + penalty * np.eye(len(gram)), cross)
        found: NDArray[np.intp] = ((judged - mean) / scale @ weights + targets.mean(axis=0)).argmax(axis=1)
        return found

    best = _PENALTIES[2]
    if len(validation.labels):
        rights = [(answers(p, validation.features) == validation.labels).mean() for p in _PENALTIES]
        best = _PENALTIES[int(np.argmax(rights))]
    return answers(best, embeddings)


def imagenet(
    train: Embedded, embeddings: Floats, weights: Floats, bias: Floats, labels: int
) -> NDArray[np.intp]:
    """Return the label index of each picture by ImageNet's classes, each read as the label that gets it most.

    Args:
        train: Says which label each class is read as.
        embeddings: Of the pictures to judge, shape (N, 1280).
        weights: Of the untouched head, shape (C, 1280).
        bias: Of the same, shape (C,).
        labels: Number of labels.
    """
    classes = _softmax(train.features @ weights.T + bias)
    mass = np.stack([classes[train.labels == label].sum(axis=0) for label in range(labels)])
    mass /= np.bincount(train.labels, minlength=labels).clip(1)[:, None]
    readings = np.eye(labels)[mass.argmax(axis=0)]
    found: NDArray[np.intp] = (_softmax(embeddings @ weights.T + bias) @ readings).argmax(axis=1)
    return found


def _softmax(logits: Floats) -> Floats:
    odds: Floats = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: Floats = odds / odds.sum(axis=1, keepdims=True)
    return probabilities
