"""What `prepare` wrote, read again: the photos of a split with their labels."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from training.photos.sources import DataError


@dataclass(frozen=True, slots=True)
class PlacedLabel:
    """A trained label and where it belongs."""

    name: str
    category: str
    subcategory: str


@dataclass(frozen=True, slots=True)
class Photos:
    """The photos of one split, in the order of the table.

    Attributes:
        paths: Of the picture files.
        labels: Index of each photo's label.
        sources: Name of each photo's source.
        groups: Of each photo; what resampling must keep together.
        colors: Of each photo, of ``vocabulary.COLORS``; empty where it is not known.
    """

    paths: tuple[Path, ...]
    labels: tuple[int, ...]
    sources: tuple[str, ...]
    groups: tuple[str, ...]
    colors: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A prepared data set.

    Attributes:
        labels: The K labels, by name.
        train: What the weights are fitted to.
        validation: What stops and calibrates the training; may be empty.
        test: What judges it.
        sha256: Of the table of photos, which names each by its own hash.
        test_sha256: Of the sorted lines of the test photos.
        sources: Name and licence of each source that has photos.
    """

    labels: tuple[PlacedLabel, ...]
    train: Photos
    validation: Photos
    test: Photos
    sha256: str
    test_sha256: str
    sources: tuple[tuple[str, str], ...]


def load_dataset(folder: Path) -> Dataset:
    """Read the folder that `prepare` wrote.

    Raises:
        DataError: It is not there.
    """
    try:
        table = (folder / "photos.csv").read_bytes()
        placed = json.loads((folder / "labels.json").read_bytes())
        report = json.loads((folder / "report.json").read_bytes())
    except OSError as error:
        raise DataError(f"{folder} holds no prepared photos; `dvc repro prepare` makes them.") from error
    rows = list(csv.DictReader(table.decode().splitlines()))
    labels = tuple(PlacedLabel(**label) for label in placed)
    return Dataset(
        labels,
        train=_split(folder, rows, labels, "train"),
        validation=_split(folder, rows, labels, "validation"),
        test=_split(folder, rows, labels, "test"),
        sha256=hashlib.sha256(table).hexdigest(),
        test_sha256=report["test_split.sha256"],
        sources=tuple(
            (source["name"], source["licence"]) for source in report["sources"] if source["photos"]
        ),
    )


def _split(folder: Path, rows: list[dict[str, str]], labels: tuple[PlacedLabel, ...], name: str) -> Photos:
    index = {label.name: number for number, label in enumerate(labels)}
    chosen = [row for row in rows if row["split"] == name]
    return Photos(
        paths=tuple(folder / "pictures" / row["photo"] for row in chosen),
        labels=tuple(index[row["label"]] for row in chosen),
        sources=tuple(row["source"] for row in chosen),
        groups=tuple(row["group"] for row in chosen),
        colors=tuple(row["color"] for row in chosen),
    )
