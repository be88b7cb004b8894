"""What a bundle answers for photos whose labels are known, through the engine that serves it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from imagineai_vision import picture
from imagineai_vision.engine import Engine
from imagineai_vision.findings import Prediction
from imagineai_vision.trunk import EMBEDDING_SIZE
from training.photos.dataset import Dataset, Photos

_MOST: Final = 4000
"""Photos that the plain baseline is fitted to; more make it hardly better."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """Photos as the untouched network sees them.

    Attributes:
        features: Its embeddings, shape (N, 1280).
        labels: Index of each photo's label, shape (N,).
    """

    features: NDArray[np.float32]
    labels: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Scored:
    """Answers for N photos of K trained labels.

    Attributes:
        photos: The photos.
        predictions: What is served.
        trained: Probabilities among the trained labels alone, shape (N, K).
        embeddings: Of the untouched network, shape (N, 1280).
    """

    photos: Photos
    predictions: list[Prediction]
    trained: NDArray[np.float64]
    embeddings: NDArray[np.float32]

    @property
    def truth(self) -> NDArray[np.intp]:
        """Index of each photo's label, shape (N,)."""
        return np.array(self.photos.labels, np.intp)


def score(engine: Engine, dataset: Dataset, photos: Photos) -> Scored:
    """Let a bundle answer for photos.

    Args:
        engine: The loaded bundle; it knows all labels of the data set.
        dataset: Whose labels are asked for.
        photos: Of it.
    """
    index = {label.name: number for number, label in enumerate(engine.bundle.labels)}
    columns = np.array([index[label.name] for label in dataset.labels])

    def one(path: Path) -> tuple[Prediction, NDArray[np.float64], NDArray[np.float32]]:
        data = path.read_bytes()
        outputs = engine.outputs(picture.read(data, engine.bundle.size)[None])
        logits = outputs["label_logits"][0, columns].astype(np.float64) / engine.bundle.temperature
        odds = np.exp(logits - logits.max())
        return engine.predict(data), odds / odds.sum(), outputs["embedding"][0]

    with ThreadPoolExecutor(2) as pool:
        answers = list(tqdm(pool.map(one, photos.paths), "test photos", len(photos), unit="photo"))
    predictions, trained, embeddings = zip(*answers, strict=True)
    return Scored(photos, list(predictions), np.stack(trained), np.stack(embeddings))


def embed(engine: Engine, photos: Photos) -> Embedded:
    """Return photos, evenly drawn where they are very many, as the untouched network sees them.

    Args:
        engine: The loaded bundle.
        photos: To be embedded; may be none.
    """

    def one(path: Path) -> NDArray[np.float32]:
        rgb = picture.read(path.read_bytes(), engine.bundle.size)
        return engine.outputs(rgb[None])["embedding"]

    step = max(1, -(-len(photos) // _MOST))
    paths = photos.paths[::step]
    with ThreadPoolExecutor(2) as pool:
        parts = list(tqdm(pool.map(one, paths), "baseline", len(paths), unit="photo"))
    features = np.concatenate(parts) if parts else np.empty((0, EMBEDDING_SIZE), np.float32)
    return Embedded(features, np.array(photos.labels[::step], np.intp))
