"""Painted pictures as training examples: the frozen body's features and the maps to learn, on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imagineai_vision import picture
from imagineai_vision.features import Features
from training.bundles.passes import Run
from training.defects import products
from training.defects.kinds import TYPES, Style
from training.defects.painting import Painted, paint
from training.folders import allocated

Arrays = dict[str, NDArray[Any]]

NO_TYPE: Final = 255
_BATCH: Final = 16
_GOOD_SHARE: Final = 0.3
_TWO_DEFECTS_SHARE: Final = 0.25
_FINE_COVERED: Final = 0.12
_COARSE_COVERED: Final = 0.04
"""From which share of a place of a map on a defect counts as being there: thin ones cover little."""


@dataclass(frozen=True, slots=True)
class Example:
    """A picture as the network takes it, and what is to be found in it; S is its side.

    Attributes:
        rgb: Uint8, shape (S, S, 3).
        presence: Uint8, shape (S/4, S/4): 0 for good places, else the number of the defect, from 1.
        types: Uint8, shape (S/8, S/8): index in ``TYPES``, ``NO_TYPE`` where nothing is.
        painted: The defects, in pixels of the picture before it was scaled.
        shape: Height and width of that picture.
    """

    rgb: NDArray[np.uint8]
    presence: NDArray[np.uint8]
    types: NDArray[np.uint8]
    painted: list[Painted]
    shape: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Source:
    """Photos to paint into; ``fill`` and ``grounds`` are as in ``products``."""

    photos: list[Path]
    fill: bool
    grounds: bool


def examples(
    photos: Sequence[Path],
    count: int,
    kinds: Sequence[str],
    style: Style,
    size: int,
    seed: int,
    *,
    grounds: bool = True,
) -> Iterator[Example]:
    """Paint examples from good photos, in a process a core; the same for the same seed.

    Args:
        photos: Good ones. Where the product of one is not known, it stays good.
        count: How many examples.
        kinds: Those of ``TYPES`` that are painted.
        style: What they look like.
        size: Side of the network's input in pixels.
        seed: Of chance.
        grounds: Whether products may be put before other grounds.
    """
    source = _Source(list(photos), products.are_surfaces(photos), grounds)
    make = partial(_example, source, tuple(kinds), style, size, seed)
    with ProcessPoolExecutor() as pool:
        yield from pool.map(make, range(count), chunksize=_BATCH)


def store(folder: Path, examples: Iterator[Example], count: int, body: Run) -> Store:
    """Run the body over examples and keep what a defect head learns from."""
    kept: Store | None = None
    for start in range(0, count, _BATCH):
        batch = [next(examples) for _ in range(min(_BATCH, count - start))]
        features = body(np.stack([example.rgb for example in batch]))
        values: Arrays = {
            **dict(zip(Features._fields, (_channels_last(array) for array in features), strict=True)),
            "presence": np.stack([example.presence for example in batch]),
            "types": np.stack([example.types for example in batch]),
        }
        kept = kept or Store.create(folder, count, values)
        for name, array in values.items():
            kept.arrays[name][start : start + len(batch)] = array
    if kept is None:
        raise ValueError("there must be at least one example")
    return kept


@dataclass(frozen=True, slots=True)
class Store:
    """Arrays on disk, by name: those of ``Features``, channels last in half precision, presence and types."""

    arrays: Arrays

    @classmethod
    def create(cls, folder: Path, count: int, first: Arrays) -> Store:
        """Make empty arrays for ``count`` examples of the shapes of the first ones.

        Raises:
            OSError: The disk is full.
        """
        arrays: Arrays = {}
        for name, array in first.items():
            kind = np.float16 if name in Features._fields else np.uint8
            arrays[name] = allocated(folder / f"{name}.npy", kind, (count, *array.shape[1:]))
        return cls(arrays)


def _channels_last(array: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.moveaxis(array, 1, -1)


def _example(
    source: _Source, kinds: tuple[str, ...], style: Style, size: int, seed: int, number: int
) -> Example:
    rng = np.random.default_rng((seed, number))
    count = 0 if rng.random() < _GOOD_SHARE else 1 + int(rng.random() < _TWO_DEFECTS_SHARE)
    seen = products.scene(source.photos, fill=source.fill, outlined=count > 0, rng=rng)
    seen = products.varied(seen, source.photos, rng, grounds=source.grounds)
    rgb, painted = seen.rgb, list[Painted]()
    if seen.product is not None:
        chosen = [str(kind) for kind in rng.choice(kinds, count)]
        rgb, painted = paint(rgb, seen.product, chosen, style, rng)
    stored = BytesIO()
    Image.fromarray(rgb).save(stored, "JPEG", quality=int(rng.integers(70, 97)))
    pixels = picture.read(stored.getvalue(), size)
    presence, types = _targets(painted, size)
    return Example(pixels, presence, types, painted, rgb.shape[:2])


def _targets(painted: list[Painted], size: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    presence = np.zeros((size // 4, size // 4), np.uint8)
    types = np.full((size // 8, size // 8), NO_TYPE, np.uint8)
    for number, defect in enumerate(painted, 1):
        presence[_covered(defect.mask, size // 4, _FINE_COVERED)] = number
        types[_covered(defect.mask, size // 8, _COARSE_COVERED)] = TYPES.index(defect.kind)
    return presence, types


def _covered(mask: NDArray[np.bool_], side: int, least: float) -> NDArray[np.bool_]:
    shares = Image.fromarray(mask.astype(np.float32)).resize((side, side), Image.Resampling.BOX)
    return np.asarray(shares) > least
