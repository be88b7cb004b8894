"""The batches that a branch is trained on: cached features of the body, or pixels where all is fine-tuned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils import data

from imagineai_vision.trunk import EfficientNetLite0, normalised
from training.branch.feature_cache import as_features, cached_features, views
from training.photos.dataset import Photos

Example = tuple[Tensor, int]


class PhotoData(lightning.LightningDataModule):  # type: ignore[misc]  # lightning is not typed
    """Training photos in a new view each epoch, validation photos as they are.

    Args:
        train: Photos to fit.
        validation: Photos to watch the fit with; may be empty.
        trunk: Its body computes the features; None where the branch begins at the pixels.
        cache: A folder for the features of these photos and these views.
        size: Side of the views in pixels.
        views: Number of views of each training photo, the plain one among them.
        batch: Photos in a batch, on each device.
        seed: Of views and order.
        workers: Processes that read pictures where the branch begins at the pixels.
    """

    def __init__(
        self,
        train: Photos,
        validation: Photos,
        trunk: EfficientNetLite0 | None,
        cache: Path,
        *,
        size: int,
        views: int,
        batch: int,
        seed: int,
        workers: int,
    ) -> None:
        super().__init__()
        self.photos, self.validation, self.trunk, self.cache = train, validation, trunk, cache
        self.size, self.views, self.batch, self.seed, self.workers = size, views, batch, seed, workers

    def prepare_data(self) -> None:
        """Compute what is not in the cache yet; on each machine one process does."""
        if self.trunk is not None:
            self._cached("train", self.photos, self.views)
            self._cached("validation", self.validation, 1)

    def train_dataloader(self) -> data.DataLoader[Example]:
        """Return the batches of the present epoch, whose order and views follow from seed and epoch alone."""
        epoch = self.trainer.current_epoch
        random = np.random.default_rng((self.seed, epoch))
        numbers = random.integers(self.views, size=len(self.photos))
        # Drawn here, as a loader that shuffles draws again each time it is begun.
        order = random.permutation(len(self.photos)).tolist()
        return self._loader(self._examples("train", self.photos, self.views, numbers), order)

    def val_dataloader(self) -> data.DataLoader[Example]:
        """Return the validation photos in order."""
        plain = np.zeros(len(self.validation), int)
        examples = self._examples("validation", self.validation, 1, plain)
        return self._loader(examples, range(len(self.validation)))

    def _loader(self, examples: data.Dataset[Example], order: Sequence[int]) -> data.DataLoader[Example]:
        workers = 0 if self.trunk is not None else self.workers
        # Its own generator: beginning a loader takes a number, and not from what mixes and drops.
        return data.DataLoader(
            examples, self.batch, sampler=order, num_workers=workers, generator=torch.Generator()
        )

    def _examples(
        self, name: str, photos: Photos, views: int, numbers: NDArray[np.int64]
    ) -> data.Dataset[Example]:
        if self.trunk is None:
            return PixelViews(photos, numbers, self.size, self.seed)
        return CachedViews(self._cached(name, photos, views), photos.labels, numbers)

    def _cached(self, name: str, photos: Photos, views: int) -> NDArray[np.uint16]:
        assert self.trunk is not None  # noqa: S101  # callers ask
        file = self.cache / f"{name}.npy"
        return cached_features(file, self.trunk, photos.paths, self.size, views, self.seed)


class CachedViews(data.Dataset[Example]):
    """One view of each photo, as features.

    Args:
        cache: Of ``cached_features``.
        labels: Of the N photos.
        numbers: Which view each photo is seen in.
    """

    def __init__(self, cache: NDArray[np.uint16], labels: Sequence[int], numbers: NDArray[np.int64]) -> None:
        self.cache, self.labels, self.numbers = cache, labels, numbers

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, photo: int) -> Example:
        return as_features(self.cache[photo, self.numbers[photo]]), self.labels[photo]


class PixelViews(data.Dataset[Example]):
    """One view of each photo, as normalised pixels.

    Args:
        photos: To be read.
        numbers: Which view each photo is seen in.
        size: Side in pixels.
        seed: Of the views.
    """

    def __init__(self, photos: Photos, numbers: NDArray[np.int64], size: int, seed: int) -> None:
        self.photos, self.numbers, self.size, self.seed = photos, numbers, size, seed

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, photo: int) -> Example:
        rgb = views(self.photos.paths[photo], self.size, self.seed, photo, [int(self.numbers[photo])])
        return normalised(torch.from_numpy(rgb), torch.float32)[0], self.photos.labels[photo]
