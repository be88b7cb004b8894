"""The held-out photos: the rows of the stage `prepare` that no training sees and every model is judged on."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PHOTOS: Final = "photos.csv"
PICTURES: Final = "pictures"


class NoTestSplit(Exception):
    """There are no held-out photos to judge by; the text says why."""


@dataclass(frozen=True, slots=True)
class HeldOutPhoto:
    """A photo with its true label.

    Attributes:
        path: The picture file.
        label: What it shows.
        group: What it shares with photos that are not independent of it, such as a sender or a 3D model.
    """

    path: Path
    label: str
    group: str


@dataclass(frozen=True, slots=True)
class HeldOut:
    """All held-out photos, and the hash of their rows."""

    photos: tuple[HeldOutPhoto, ...]
    sha256: str


def read_test_split(prepared: Path) -> HeldOut:
    """Read the test rows of the folder that the stage `prepare` wrote.

    Raises:
        NoTestSplit: There is no such folder, or no row in it is one of a test.
    """
    rows = [row for row in _rows(prepared) if row["split"] == "test"]
    if not rows:
        raise NoTestSplit(f"{prepared / PHOTOS} holds no test photos: there is nothing to judge a model by.")
    photos = (
        HeldOutPhoto(prepared / PICTURES / row["photo"], row["label"], row["group"] or row["photo"])
        for row in rows
    )
    return HeldOut(tuple(photos), _sha256(rows))


def photos_learned(prepared: Path) -> frozenset[str]:
    """Return the names of the photos that a training saw; a photo's name says what it contains.

    Raises:
        NoTestSplit: There is no such folder.
    """
    return frozenset(row["photo"] for row in _rows(prepared) if row["split"] != "test")


def _rows(prepared: Path) -> list[dict[str, str]]:
    path = prepared / PHOTOS
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [row for row in csv.DictReader(file) if row["split"]]
    except (OSError, KeyError, csv.Error) as error:
        raise NoTestSplit(f"{path} cannot be read as prepared photos; run `dvc repro prepare`.") from error


def _sha256(rows: Iterable[dict[str, str]]) -> str:
    """Hash the rows whatever their order: their fields joined by commas, sorted, a row a line."""
    lines = sorted(",".join(row.values()) for row in rows)
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
