"""Where photos come from: folders of label-named folders, and CSV files that name images and labels."""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from imagineai_vision.vocabulary import COLORS, DEFECT_TYPES, MATERIALS, PATTERNS

SENDERS: Final = "senders.csv"
_SPLIT_FOLDERS: Final = frozenset({"train", "validation", "val", "test"})
_NO_PICTURES: Final = frozenset({".csv", ".json", ".md", ".txt", ".xml", ".yaml", ".yml"})
_NEEDED: Final = ("image", "label")
_OPTIONAL: Final = ("color", "material", "pattern", "defects", "group")
_VOCABULARIES: Final = {"color": COLORS, "material": MATERIALS, "pattern": PATTERNS, "defects": DEFECT_TYPES}
_LONGEST_LABEL: Final = 64
_NAMED: Final = 5


class DataError(Exception):
    """The photos cannot be used as they are; the text is one sentence that says what to change."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo as its source describes it.

    Attributes:
        path: Below the source's folder, with forward slashes.
        label: What it shows, as the source names it.
        group: Photos of one group share a maker or an object and never part; empty where nothing is known.
        color: Of ``vocabulary.COLORS``, or empty.
        material: Of ``vocabulary.MATERIALS``, or empty.
        pattern: Of ``vocabulary.PATTERNS``, or empty.
        defects: Of ``vocabulary.DEFECT_TYPES``, joined by ";", or empty.
    """

    path: str
    label: str
    group: str = ""
    color: str = ""
    material: str = ""
    pattern: str = ""
    defects: str = ""


def folder_of(place: Path) -> Path:
    """Return the folder that a source's paths are relative to."""
    return place.parent if place.suffix.lower() == ".csv" else place


def photos_of(place: Path) -> list[Photo]:
    """List the photos of a source in the order of their paths.

    Args:
        place: A folder of label-named folders, perhaps below folders named after splits and with a
            senders.csv; or a CSV file with the columns image and label.

    Raises:
        DataError: There is nothing of the kind, or the CSV is not as it must be.
    """
    if not place.exists():
        raise DataError(f"{place} does not exist.")
    if place.is_dir():
        photos = _with_senders(place, list(_from_folder(place)))
    elif place.suffix.lower() == ".csv":
        photos = _from_csv(place)
    else:
        raise DataError(f"{place} is neither a folder nor a CSV file.")
    if not photos:
        raise DataError(f"{place} holds no photos: folders named after labels, with pictures in them.")
    for photo in photos:
        _check_label(place, photo.label)
    return sorted(photos, key=lambda photo: photo.path)


def _from_folder(root: Path) -> Iterator[Photo]:
    tops = [entry for entry in sorted(root.iterdir()) if entry.is_dir() and not entry.name.startswith(".")]
    are_splits = bool(tops) and all(entry.name.lower() in _SPLIT_FOLDERS for entry in tops)
    depth = 1 if are_splits else 0
    for path in root.rglob("*"):
        parts = path.relative_to(root).parts
        is_hidden = any(part.startswith(".") for part in parts)
        if is_hidden or len(parts) < depth + 2 or path.suffix.lower() in _NO_PICTURES or not path.is_file():
            continue
        yield Photo("/".join(parts), parts[depth].strip())


def _with_senders(root: Path, photos: list[Photo]) -> list[Photo]:
    """Add the sender of each photo as its group, where a senders.csv says who it is.

    It names photos by their paths, or by the names of their files, with or without the suffix.
    """
    table = root / SENDERS
    if not table.is_file():
        return photos
    senders = {row["image"]: row["sender_id"] for row in _read_table(table, ("image", "sender_id"))}
    called: dict[str, list[str]] = defaultdict(list)
    for photo in photos:
        path = Path(photo.path)
        for name in {photo.path, path.name, path.stem}:
            called[name].append(photo.path)
    several = [name for name in senders if len(called.get(name, ())) > 1]
    if several:
        raise DataError(
            f"{SENDERS} names {some(several)}, of which there are several photos: name them by their paths, "
            f"such as {called[several[0]][0]}."
        )
    sender_of = {called[name][0]: sender for name, sender in senders.items() if name in called}
    if senders and not sender_of:
        raise DataError(f"{SENDERS} names no photo that is there: {some(senders)}.")
    return [replace(photo, group=sender_of.get(photo.path, "")) for photo in photos]


def _from_csv(table: Path) -> list[Photo]:
    rows = _read_table(table, _NEEDED)
    unknown = {column for row in rows for column in row} - {*_NEEDED, *_OPTIONAL}
    if unknown:
        raise DataError(
            f"{table.name} has unknown columns: {some(unknown)}; known are "
            f"{', '.join((*_NEEDED, *_OPTIONAL))}."
        )
    missing = [row["image"] for row in rows if not (table.parent / row["image"]).is_file()]
    if missing:
        raise DataError(f"{table.name} names {len(missing)} image files that are not there: {some(missing)}.")
    return [_from_row(table, line, row) for line, row in enumerate(rows, start=2)]


def _from_row(table: Path, line: int, row: dict[str, str]) -> Photo:
    path = os.path.relpath(table.parent / row["image"], table.parent)
    values = {name: _checked(table, line, name, row.get(name, "")) for name in _OPTIONAL}
    return Photo(Path(path).as_posix(), row["label"], **values)


def _checked(table: Path, line: int, column: str, value: str) -> str:
    """Return the value as it is stored.

    Raises:
        DataError: It is not of the column's vocabulary.
    """
    words = [word.strip() for word in value.split(";")] if column == "defects" else [value]
    words = [word for word in words if word]
    known = _VOCABULARIES.get(column)
    for word in words:
        if known is not None and word not in known:
            raise DataError(
                f'Line {line} of {table.name}: {column} "{word}" is unknown; known are {", ".join(known)}.'
            )
    return ";".join(words)


def _read_table(table: Path, needed: tuple[str, ...]) -> list[dict[str, str]]:
    """Read a CSV as stripped texts by column.

    Raises:
        DataError: It is not UTF-8, lacks a column, or has a line of another length than its header.
    """
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            absent = [name for name in needed if name not in (reader.fieldnames or ())]
            if absent:
                raise DataError(f"{table.name} lacks the columns {', '.join(absent)}.")
            rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table.name} is not a CSV file in UTF-8: {error}.") from error
    for line, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise DataError(f"Line {line} of {table.name} has not as many columns as the header.")
    return [{name.strip(): value.strip() for name, value in row.items()} for row in rows]


def _check_label(place: Path, label: str) -> None:
    if not label:
        raise DataError(f"{place.name} holds a photo with an empty label.")
    if len(label) > _LONGEST_LABEL or not label.isprintable():
        raise DataError(
            f"{label[:_LONGEST_LABEL]!r} in {place.name} cannot be a label: at most {_LONGEST_LABEL} "
            "printable characters."
        )


def some(names: Iterable[str]) -> str:
    """Name a few, and how many more there are."""
    ordered = sorted(names)
    rest = len(ordered) - _NAMED
    return ", ".join(ordered[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
