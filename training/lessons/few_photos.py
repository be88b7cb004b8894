"""A few photos of many, as a table that `make train DATA=` takes too."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from training.photos.sources import Photo


def most_frequent(photos: Sequence[Photo], count: int) -> list[str]:
    """Return the labels that most photos have, at most ``count``."""
    return [label for label, _ in Counter(photo.label for photo in photos).most_common(count)]


def few(photos: Sequence[Photo], names: Mapping[str, str], each: int) -> list[Photo]:
    """Draw photos of some labels evenly from the list.

    Args:
        photos: To draw from.
        names: Which labels, and what each is called from here on.
        each: Most photos of a label.
    """
    drawn = []
    for label, name in names.items():
        of_label = [photo for photo in photos if photo.label == label]
        count = min(each, len(of_label))
        drawn += [replace(of_label[place * len(of_label) // count], label=name) for place in range(count)]
    return drawn


def write_table(path: Path, folder: Path, photos: Sequence[Photo]) -> None:
    """Write a CSV with the columns image, label and group; the photos stay where they are.

    Args:
        path: Of the CSV; its folder is made if absent.
        folder: That the photos' paths are relative to.
        photos: The rows.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("image", "label", "group"))
        table.writerows(((folder / photo.path).resolve(), photo.label, photo.group) for photo in photos)
