"""Pictures that are nearly the same: scaled, recompressed or brightened copies of one another.

Source: the perceptual hash of Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions",
2010: signs of low frequencies; pairs within a distance are found by the pigeonhole principle, in bands of
which at least one has to be equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint8]

SIDE: Final = 32
"""Side in pixels of the squares that are compared."""
_FREQUENCIES: Final = 8
_MAX_DISTANCE: Final = 8
_BANDS: Final = 9
_LEAST_CORRELATION: Final = 0.985
_ROWS_AT_ONCE: Final = 256


def fingerprint(rgb: NDArray[np.uint8]) -> tuple[Hashes, NDArray[np.float16]]:
    """Return what is compared of a picture.

    Args:
        rgb: The whole picture, uint8, shape (32, 32, 3).

    Returns:
        A hash of 64 bits, uint8, shape (8,), and its tones of mean 0 and length 1, shape (768,).
    """
    tones = rgb.reshape(16, 2, 16, 2, 3).mean(axis=(1, 3)).ravel()
    tones = tones - tones.mean()
    waves = _waves()
    spectrum = (waves @ rgb.mean(axis=2) @ waves.T).ravel()
    bits = np.packbits(spectrum > np.median(spectrum))
    return bits, (tones / max(1.0, float(np.linalg.norm(tones)))).astype(np.float16)


def near_pairs(hashes: Hashes, tones: NDArray[np.float16]) -> list[tuple[int, int]]:
    """Return the pairs (i, j), i < j, of pictures that are nearly the same, in order.

    Args:
        hashes: Of N pictures, uint8, shape (N, 8).
        tones: Of the same, shape (N, 768).
    """
    found: set[tuple[int, int]] = set()
    bits = np.unpackbits(hashes, axis=1)
    words = np.ascontiguousarray(hashes).view(np.uint64)
    for band in np.array_split(np.arange(bits.shape[1]), _BANDS):
        keys = bits[:, band] @ (1 << np.arange(len(band)))
        for members in _buckets(keys):
            for first, second in _close(words, members):
                if (first, second) not in found and _are_alike(tones[first], tones[second]):
                    found.add((first, second))
    return sorted(found)


def _buckets(keys: NDArray[np.int64]) -> Iterator[NDArray[np.intp]]:
    """Yield the indices that share a key, ascending, where there are at least two."""
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order])) + 1
    for members in np.split(order, starts):
        if len(members) > 1:
            yield members


def _close(words: NDArray[np.uint64], members: NDArray[np.intp]) -> Iterator[tuple[int, int]]:
    for start in range(0, len(members), _ROWS_AT_ONCE):
        rows = members[start : start + _ROWS_AT_ONCE]
        distances = sum(
            np.bitwise_count(words[rows, None, part] ^ words[None, members[start:], part]).astype(np.uint8)
            for part in range(words.shape[1])
        )
        for row, column in np.argwhere(np.triu(distances <= _MAX_DISTANCE, k=1)):
            yield int(rows[row]), int(members[start + column])


def _are_alike(first: NDArray[np.float16], second: NDArray[np.float16]) -> bool:
    return float(first.astype(np.float32) @ second.astype(np.float32)) >= _LEAST_CORRELATION


@cache
def _waves() -> NDArray[np.float64]:
    """Return the lowest cosines of the discrete cosine transform but the constant one, shape (8, 32)."""
    places = (np.arange(SIDE) + 0.5) * np.pi / SIDE
    waves: NDArray[np.float64] = np.cos(np.outer(np.arange(1, _FREQUENCIES + 1), places))
    return waves
