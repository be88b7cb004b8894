"""Each photo of the manifest read once: whether it is a picture, how large, and what it looks like."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from imagineai_vision import picture
from training.photos.duplicates import SIDE, fingerprint
from training.photos.sources import DataError

Row = dict[str, str]
"""A line of the manifest by column."""

_SUFFIXES: Final = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/gif": "gif"}


@dataclass(frozen=True, slots=True)
class Inspected:
    """A photo that is a picture.

    Attributes:
        row: Of the manifest.
        name: Of its copy: its SHA-256 and the suffix of what it is.
        width: In pixels, upright.
        height: In pixels, upright.
        hashes: As ``duplicates.fingerprint`` returns them.
        tones: The same.
    """

    row: Row
    name: str
    width: int
    height: int
    hashes: NDArray[np.uint8]
    tones: NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that is no picture, and why."""

    row: Row
    reason: str


def inspect(
    rows: Sequence[Row], folders: dict[str, Path], pictures: Path
) -> Iterator[Inspected | Unreadable]:
    """Read every photo and copy what is a picture, in the order of the rows.

    Args:
        rows: Of the manifest.
        folders: By source, what its paths are relative to.
        pictures: The folder that gets the copies.

    Raises:
        DataError: A photo is not the one that the manifest was made of.
        OSError: A copy cannot be written.
    """

    def one(row: Row) -> Inspected | Unreadable:
        return _inspect(row, folders[row["source"]] / row["path"], pictures)

    with ThreadPoolExecutor() as pool, tqdm(total=len(rows), desc="photos", unit="photo") as bar:
        # In portions, so that an error does not wait for all the rest.
        for start in range(0, len(rows), 256):
            for result in pool.map(one, rows[start : start + 256]):
                bar.update()
                yield result


def _inspect(row: Row, path: Path, pictures: Path) -> Inspected | Unreadable:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{row['path']} of {row['source']} cannot be read: {error.strerror}.") from error
    if hashlib.sha256(data).hexdigest() != row["sha256"]:
        raise DataError(f"{row['path']} of {row['source']} changed meanwhile; run this again.")
    try:
        facts = picture.examine(data)
        hashes, tones = fingerprint(picture.read(data, SIDE))
    except picture.PictureError as error:
        return Unreadable(row, str(error))
    name = f"{row['sha256']}.{_SUFFIXES[facts.content_type]}"
    (pictures / name).write_bytes(data)
    return Inspected(row, name, facts.width, facts.height, hashes, tones)
