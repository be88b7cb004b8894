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
from training.defects.kinds import Style
from training.defects.painting import Painted, paint, product_mask

Arrays = dict[str, NDArray[Any]]

NO_TYPE: Final = 255
_BATCH: Final = 16
_GOOD_SHARE: Final = 0.3
_TWO_DEFECTS_SHARE: Final = 0.25
_CLOSE_UP_SHARE: Final = 0.25
_FINE_COVERED: Final = 0.12
_COARSE_COVERED: Final = 0.04
"""From which share of a place of a map on a defect counts as being there: thin ones cover little."""


@dataclass(frozen=True, slots=True)
class Example:
    """A picture as the network takes it, and what is to be found in it; S is its side.

    Attributes:
        rgb: Uint8, shape (S, S, 3).
        presence: Uint8, shape (S/4, S/4): 0 for good places, else the number of the defect, from 1.
        types: Uint8, shape (S/8, S/8): index of the type, ``NO_TYPE`` where nothing is.
        painted: The defects, in pixels of the picture before it was scaled.
        shape: Height and width of that picture.
    """

    rgb: NDArray[np.uint8]
    presence: NDArray[np.uint8]
    types: NDArray[np.uint8]
    painted: list[Painted]
    shape: tuple[int, int]


def examples(
    photos: Sequence[Path], count: int, kinds: Sequence[str], style: Style, size: int, seed: int
) -> Iterator[Example]:
    """Paint examples from good photos, in a process a core; the same for the same seed."""
    make = partial(_example, list(photos), tuple(kinds), style, size, seed)
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
        """Make empty arrays for ``count`` examples of the shapes of the first ones."""
        folder.mkdir(parents=True, exist_ok=True)
        arrays: Arrays = {}
        for name, array in first.items():
            kind = np.float16 if name in Features._fields else np.uint8
            arrays[name] = np.lib.format.open_memmap(
                folder / f"{name}.npy", "w+", kind, (count, *array.shape[1:])
            )
        return cls(arrays)


def _channels_last(array: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.moveaxis(array, 1, -1)


def _example(
    photos: list[Path], kinds: tuple[str, ...], style: Style, size: int, seed: int, number: int
) -> Example:
    rng = np.random.default_rng((seed, number))
    rgb = _photo(photos[rng.integers(len(photos))])
    product = product_mask(rgb)
    rgb, product = _varied(rgb, product, rng)
    count = 0 if rng.random() < _GOOD_SHARE else 1 + int(rng.random() < _TWO_DEFECTS_SHARE)
    chosen = [str(kind) for kind in rng.choice(kinds, count)] if product.any() else []
    rgb, painted = paint(rgb, product, chosen, style, rng)
    stored = BytesIO()
    Image.fromarray(rgb).save(stored, "JPEG", quality=int(rng.integers(70, 97)))
    pixels = picture.read(stored.getvalue(), size)
    presence, types = _targets(painted, kinds, size)
    return Example(pixels, presence, types, painted, rgb.shape[:2])


def _photo(path: Path) -> NDArray[np.uint8]:
    """Read a photo as it is, at most twice the size of what people would call a thumbnail."""
    data = path.read_bytes()
    facts = picture.examine(data)
    side = max(facts.width, facts.height)
    square = picture.read(data, min(side, 512))
    scale = min(side, 512) / side
    upright = (round(facts.width * scale), round(facts.height * scale))
    return np.asarray(Image.fromarray(square).resize(upright, Image.Resampling.BICUBIC))


def _varied(
    rgb: NDArray[np.uint8], product: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Mirror at times, change the light a little, and at times go so near that no background is left."""
    if rng.random() < 0.5:
        rgb, product = rgb[:, ::-1], product[:, ::-1]
    if rng.random() < _CLOSE_UP_SHARE:
        rgb, product = _close_up(rgb, product, rng)
    light = rng.uniform(0.8, 1.15) * (1 + rng.normal(0, 0.03, 3))
    return np.clip(rgb * light, 0, 255).astype(np.uint8), product


def _close_up(
    rgb: NDArray[np.uint8], product: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    rows, columns = np.nonzero(product)
    index, share = rng.integers(len(rows)), rng.uniform(0.35, 0.7)
    height, width = (max(64, round(share * side)) for side in product.shape)
    top = int(np.clip(rows[index] - height // 2, 0, max(0, product.shape[0] - height)))
    left = int(np.clip(columns[index] - width // 2, 0, max(0, product.shape[1] - width)))
    window = slice(top, top + height), slice(left, left + width)
    return rgb[window], product[window]


def _targets(
    painted: list[Painted], kinds: tuple[str, ...], size: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    presence = np.zeros((size // 4, size // 4), np.uint8)
    types = np.full((size // 8, size // 8), NO_TYPE, np.uint8)
    for number, defect in enumerate(painted, 1):
        presence[_covered(defect.mask, size // 4, _FINE_COVERED)] = number
        types[_covered(defect.mask, size // 8, _COARSE_COVERED)] = kinds.index(defect.kind)
    return presence, types


def _covered(mask: NDArray[np.bool_], side: int, least: float) -> NDArray[np.bool_]:
    shares = Image.fromarray(mask.astype(np.float32)).resize((side, side), Image.Resampling.BOX)
    return np.asarray(shares) > least
