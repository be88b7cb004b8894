"""The frozen body's features of every view, on disk: computed once, read at every epoch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from imagineai_vision import picture
from imagineai_vision.trunk import EfficientNetLite0, normalised
from training.branch.augmentation import augmented
from training.bundles.passes import BATCH, Rgb, compiled, in_batches
from training.folders import allocated

CHANNELS: Final = 112
_MARGIN: Final = 1.25
"""Views are cropped from pictures read somewhat larger than they are to be."""
_BATCHES_A_MARK: Final = 8


def views(path: Path, size: int, seed: int, photo: int, numbers: Sequence[int]) -> Rgb:
    """Return views of a photo, uint8, shape (V, size, size, 3); the same ones for the same numbers.

    Args:
        path: Of the picture.
        size: Side in pixels.
        seed: Of all views.
        photo: Number of the photo.
        numbers: Of the V views; number 0 is the whole photo as it is.
    """
    data = path.read_bytes()
    large = picture.read(data, round(size * _MARGIN)) if any(numbers) else None
    seen = [
        picture.read(data, size)
        if number == 0 or large is None
        else augmented(large, size, np.random.default_rng((seed, photo, number)))
        for number in numbers
    ]
    return np.stack(seen)


def cached_features(
    file: Path, trunk: EfficientNetLite0, paths: Sequence[Path], size: int, count: int, seed: int
) -> NDArray[np.uint16]:
    """Return the body's last features of all views as a memory map; one cut short is gone on with.

    Args:
        file: Of the cache; in a folder for these photos, views and weights alone.
        trunk: In evaluation mode; its body is what computes.
        paths: Of N pictures.
        size: Side of the views in pixels.
        count: Number V of views of each photo, the plain one among them.
        seed: Of the views.

    Returns:
        Shape (N, V, size / 16, size / 16, 112); bfloat16, which numpy has not, as uint16.
        ``as_features`` reads them.

    Raises:
        OSError: The disk is full.
    """
    counter = file.with_suffix(".count")
    done = _counted(counter) if file.exists() else 0
    if done == 0:
        side = -(-size // 16)
        allocated(file, np.uint16, (len(paths), count, side, side, CHANNELS))
    cache: np.memmap[Any, np.dtype[np.uint16]] = np.lib.format.open_memmap(file, mode="r+")
    if done == len(paths):
        return cache
    reads = [
        partial(views, paths[photo], size, seed, photo, range(count)) for photo in range(done, len(paths))
    ]
    run = compiled(Body(trunk).eval(), size, ("features",))
    batches = in_batches(run, reads, max(1, BATCH // count), f"features of {file.stem}")
    for number, (features,) in enumerate(batches, start=1):
        rows = torch.from_numpy(features).bfloat16().view(torch.uint16).numpy()
        photos = len(rows) // count
        cache[done : done + photos] = rows.reshape(photos, count, *rows.shape[1:])
        done += photos
        if number % _BATCHES_A_MARK == 0 or done == len(paths):
            cache.flush()
            _count(counter, done)
    return cache


def as_features(cached: NDArray[np.uint16]) -> Tensor:
    """Return cached features of one or more views as bfloat16, channels first, shape (…, 112, h, w)."""
    return torch.from_numpy(np.array(cached)).view(torch.bfloat16).movedim(-1, -3)


def _counted(counter: Path) -> int:
    """Return how many photos are done; 0 where that is not written down, or not legibly."""
    text = counter.read_bytes() if counter.exists() else b""
    return int(text) if text.isdigit() else 0


def _count(counter: Path, done: int) -> None:
    """Write down how many photos are done, in one step: whoever is killed meanwhile leaves the old number."""
    beside = counter.with_suffix(".counting")
    beside.write_text(str(done))
    beside.replace(counter)


class Body(nn.Module):
    """Pictures, uint8, shape (N, H, W, 3), to features at stride 16, shape (N, H / 16, W / 16, 112)."""

    def __init__(self, trunk: EfficientNetLite0) -> None:
        super().__init__()
        self.trunk = trunk

    def forward(self, rgb: Tensor) -> tuple[Tensor]:
        """Run the frozen part."""
        stride16: Tensor = self.trunk.body(normalised(rgb, torch.float32)).stride16
        return (stride16.permute(0, 2, 3, 1),)
