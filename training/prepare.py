"""From the manifest to a data set: checked, without duplicates, split by group. Stage `prepare`."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from training.folders import replacing
from training.manifest import PHOTOS as MANIFEST
from training.manifest import SOURCES, Source
from training.photos import labels
from training.photos.data_report import COLUMNS, Findings, write_report
from training.photos.duplicates import near_pairs
from training.photos.inspection import Inspected, Row, Unreadable, inspect
from training.photos.sources import DataError, folder_of, some
from training.photos.splits import grouped, split

PHOTOS: Final = "photos.csv"
PICTURES: Final = "pictures"
LABELS: Final = "labels.json"
_FEWEST, _MOST = 10, 100_000


def main() -> int:
    """Write the data set; a failure is one sentence on stderr and exit code 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, default=Path("outputs/manifest"))
    parser.add_argument("--out", type=Path, default=Path("outputs/prepare"))
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--validation", type=float, required=True, help="share of the photos")
    parser.add_argument("--test", type=float, required=True, help="share of the photos")
    options = parser.parse_args()
    try:
        make(options.out, options.manifest, options.seed, options.validation, options.test)
    except (DataError, OSError) as error:
        sys.stderr.write(f"No data set was written: {error}\n")
        return 1
    return 0


def make(folder: Path, manifest: Path, seed: int, validation: float, test: float) -> None:
    """Write photos.csv, labels.json, the pictures and the report.

    Args:
        folder: Where to; there whole or not at all.
        manifest: The folder of the stage before.
        seed: Of the split.
        validation: Share of the photos that stop and calibrate the training.
        test: Share of the photos that judge it.

    Raises:
        DataError: The photos cannot be used as they are.
        OSError: A file cannot be read or written.
    """
    sources = json.loads((manifest / SOURCES).read_text(encoding="utf-8"))
    with (manifest / MANIFEST).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    write(folder, sources, rows, _folders(sources), Shares(seed, validation, test))


@dataclass(frozen=True, slots=True)
class Shares:
    """How photos are split.

    Attributes:
        seed: Of the split.
        validation: Share of the photos that stop and calibrate a training.
        test: Share of the photos that judge it.
        strata: By label, what each split gets its share of; a label that is not named stands for itself.
    """

    seed: int
    validation: float
    test: float
    strata: Mapping[str, str] = field(default_factory=dict)


def write(
    folder: Path, sources: list[dict[str, Any]], rows: list[Row], folders: dict[str, Path], shares: Shares
) -> None:
    """Write a data set of photos.

    Args:
        folder: Where to; there whole or not at all.
        sources: As `manifest` describes them.
        rows: Of the manifest.
        folders: By source, what its paths are relative to.
        shares: How the photos are split.

    Raises:
        DataError: The photos cannot be used as they are.
        OSError: A file cannot be read or written.
    """
    if len(rows) > _MOST:
        raise DataError(f"there are {len(rows)} photos, which are more than {_MOST:,}.")
    with replacing(folder) as partial:
        (partial / PICTURES).mkdir()
        findings = Findings()
        photos = _usable(rows, folders, partial / PICTURES, findings)
        groups = _groups(photos, findings)
        strata = [shares.strata.get(photo.row["label"], photo.row["label"]) for photo in photos]
        wanted = (1 - shares.validation - shares.test, shares.validation, shares.test)
        splits = split(strata, groups, wanted, shares.seed)
        table = [
            _line(photo, photos[group].row["sha256"][:12], name)
            for photo, group, name in zip(photos, groups, splits, strict=True)
        ]
        write_table(partial / PHOTOS, table)
        placed = labels.place(_pictures_by_label(partial, table))
        (partial / LABELS).write_text(json.dumps(placed, indent=1) + "\n", encoding="utf-8")
        write_report(partial, sources, table, photos, findings)


def _folders(sources: list[dict[str, str]]) -> dict[str, Path]:
    folders = {}
    for described in sources:
        place = Source(described["name"], described["variable"], described["licence"]).place
        if described["photos"] and not place:
            raise DataError(f"{described['variable']} is no longer set; run this again from the manifest on.")
        if place:
            folders[described["name"]] = folder_of(place)
    return folders


def _usable(rows: list[Row], folders: dict[str, Path], pictures: Path, findings: Findings) -> list[Inspected]:
    """Return the photos that can be learned from, and note all others in the findings."""
    labels_of: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        labels_of[row["sha256"]].add(row["label"])
    first: dict[str, Row] = {}
    for row in rows:
        if len(labels_of[row["sha256"]]) > 1:
            findings.conflicts.append(row)
        elif row["sha256"] in first:
            findings.repeated.append(row)
        else:
            first[row["sha256"]] = row
    photos = []
    for result in inspect(list(first.values()), folders, pictures):
        if isinstance(result, Unreadable):
            findings.unreadable.append(result)
        else:
            photos.append(result)
    return _with_company(photos, pictures, findings)


def _with_company(photos: list[Inspected], pictures: Path, findings: Findings) -> list[Inspected]:
    """Leave out labels of one photo; neither training nor judging can do without the other."""
    counts = Counter(photo.row["label"] for photo in photos)
    findings.alone = sorted(label for label, count in counts.items() if count == 1)
    for photo in photos:
        if counts[photo.row["label"]] == 1:
            (pictures / photo.name).unlink()
    kept = [photo for photo in photos if counts[photo.row["label"]] > 1]
    labels_kept = len(counts) - len(findings.alone)
    if labels_kept < 2 or len(kept) < _FEWEST:
        raise DataError(
            f"{len(kept)} usable photos of {labels_kept} labels are too few; at least {_FEWEST} photos of "
            f"two labels are needed{_what_was_left_out(findings)}."
        )
    return kept


def _what_was_left_out(findings: Findings) -> str:
    parts = []
    if findings.unreadable:
        names = some(result.row["path"] for result in findings.unreadable)
        parts.append(f"{len(findings.unreadable)} files are unreadable ({names})")
    if findings.alone:
        parts.append(f"{len(findings.alone)} labels have a single photo ({some(findings.alone)})")
    if findings.conflicts:
        parts.append(f"{len(findings.conflicts)} photos have several labels")
    return "; " + ", ".join(parts) if parts else ""


def _groups(photos: list[Inspected], findings: Findings) -> list[int]:
    """Return each photo's group: of one sender or object, or the same picture again."""
    hashes = np.stack([photo.hashes for photo in photos])
    pairs = near_pairs(hashes, np.stack([photo.tones for photo in photos]))
    findings.near = [(photos[one].row, photos[other].row) for one, other in pairs]
    keys = [
        (index, (photo.row["source"], photo.row["group"]))
        for index, photo in enumerate(photos)
        if photo.row["group"]
    ]
    # A photo that was left out as a repetition still ties its group to that of the photo which stays.
    first = {photo.row["sha256"]: index for index, photo in enumerate(photos)}
    keys += [
        (first[row["sha256"]], (row["source"], row["group"]))
        for row in findings.repeated
        if row["group"] and row["sha256"] in first
    ]
    return grouped(len(photos), keys, pairs)


def _line(photo: Inspected, group: str, split_name: str) -> Row:
    row = {**photo.row, "photo": photo.name, "group": group, "split": split_name}
    return {name: row[name] for name in COLUMNS}


def write_table(path: Path, table: list[Row]) -> None:
    """Write photos.csv."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)


def _pictures_by_label(folder: Path, table: list[Row]) -> dict[str, list[Path]]:
    """Return each label's training pictures; none for one that lies in other splits alone."""
    pictures: dict[str, list[Path]] = {row["label"]: [] for row in table}
    for row in table:
        if row["split"] == "train":
            pictures[row["label"]].append(folder / PICTURES / row["photo"])
    return pictures


if __name__ == "__main__":
    sys.exit(main())
