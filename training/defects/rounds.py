"""What the head learns from: a round of painted pictures after the other, so that few lie on disk at once."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import lightning
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from training.bundles.passes import Run
from training.defects.examples import Store, examples, store
from training.defects.kinds import Style
from training.defects.recipe import DefectRecipe

_SEEDS_APART: Final = 1000


class Examples(Dataset[dict[str, Tensor]]):
    """Stored examples as tensors."""

    def __init__(self, store: Store) -> None:
        self._arrays = store.arrays

    def __len__(self) -> int:
        return len(self._arrays["presence"])

    def __getitems__(self, indices: list[int]) -> dict[str, Tensor]:
        """Return a batch; reading the examples in the order they lie in is faster."""
        places = np.sort(indices)
        return {name: torch.from_numpy(array[places]) for name, array in self._arrays.items()}


class Rounds(lightning.LightningDataModule):  # type: ignore[misc]  # lightning is not typed
    """Paints anew after every so many passes; the trainer reloads it as often as the recipe has epochs.

    Args:
        photos: Good ones.
        body: Computes the features.
        recipe: Parameters.
        folder: For one round's features; about a megabyte an example.

    Raises:
        OSError: The disk is full.
    """

    def __init__(self, photos: Sequence[Path], body: Run, recipe: DefectRecipe, folder: Path) -> None:
        super().__init__()
        self.photos, self.body, self.recipe, self.folder = photos, body, recipe, folder

    def train_dataloader(self) -> DataLoader[dict[str, Tensor]]:
        """Return the batches of the present round."""
        recipe, number = self.recipe, self.trainer.current_epoch // self.recipe.epochs
        shutil.rmtree(self.folder, ignore_errors=True)
        seed = recipe.seed + _SEEDS_APART * number
        painted = examples(self.photos, recipe.examples, recipe.kinds, Style(), recipe.size, seed)
        kept = Examples(store(self.folder, painted, recipe.examples, self.body))
        return DataLoader(kept, recipe.batch, shuffle=True, collate_fn=lambda batch: batch)
