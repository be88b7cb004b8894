"""What a person should know of the photos before anything is trained on them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

from PIL import Image, ImageDraw

from imagineai_vision import picture
from training.photos.inspection import Inspected, Row, Unreadable
from training.photos.splits import SPLITS

COLUMNS: Final = (
    "photo", "source", "label", "group", "split", "color", "material", "pattern", "defects",
)  # fmt: skip
_SAMPLES_A_LABEL: Final = 8
_SAMPLE_SIDE: Final = 96
_SAMPLED_LABELS: Final = 40
_SHOWN: Final = 10


@dataclass
class Findings:
    """What was found in the photos, for the report.

    Attributes:
        unreadable: Files that are no pictures.
        repeated: Photos left out as another file with the same bytes and label is there.
        conflicts: Photos left out as their bytes come with several labels.
        alone: Labels left out as they have one photo.
        near: Pairs of photos that are nearly the same.
    """

    unreadable: list[Unreadable] = field(default_factory=list)
    repeated: list[Row] = field(default_factory=list)
    conflicts: list[Row] = field(default_factory=list)
    alone: list[str] = field(default_factory=list)
    near: list[tuple[Row, Row]] = field(default_factory=list)

    @property
    def near_conflicts(self) -> list[tuple[Row, Row]]:
        """Those of the near pairs whose labels differ."""
        return [(one, other) for one, other in self.near if one["label"] != other["label"]]


def test_split_sha256(table: Sequence[Row]) -> str:
    """Return the identity of the test photos: SHA-256, in hex, over their sorted lines."""
    lines = sorted(",".join(row[name] for name in COLUMNS) + "\n" for row in table if row["split"] == "test")
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def write_report(
    folder: Path,
    sources: list[dict[str, Any]],
    table: list[Row],
    photos: Sequence[Inspected],
    findings: Findings,
) -> None:
    """Write report.json, report.md and samples.jpg beside the data set that they are about."""
    report = {
        "photos": len(table),
        "groups": len({row["group"] for row in table}),
        "test_split.sha256": test_split_sha256(table),
        "sources": [{**source, "splits": _splits(table, "source", source["name"])} for source in sources],
        "labels": {
            label: _splits(table, "label", label) for label in sorted({row["label"] for row in table})
        },
        "sides": _sides(photos),
        "unreadable": [{**_file(result.row), "reason": result.reason} for result in findings.unreadable],
        "repeated": [_file(row) for row in findings.repeated],
        "conflicts": [_file(row) for row in findings.conflicts],
        "labels_of_one_photo": findings.alone,
        "near_duplicates": [[_file(one), _file(other)] for one, other in findings.near],
        "near_duplicates_across_labels": [
            [_file(one), _file(other)] for one, other in findings.near_conflicts
        ],
    }
    (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (folder / "report.md").write_text(_markdown(report), encoding="utf-8")
    _write_samples(folder, table)


def _splits(table: list[Row], column: str, value: str) -> dict[str, int]:
    counts = Counter(row["split"] for row in table if row[column] == value)
    return {name: counts[name] for name in SPLITS}


def _sides(photos: Sequence[Inspected]) -> dict[str, float]:
    short = [min(photo.width, photo.height) for photo in photos]
    return {
        "shortest": min(short),
        "median_short_side": median(short),
        "longest": max(max(photo.width, photo.height) for photo in photos),
    }


def _file(row: Row) -> dict[str, str]:
    return {name: row[name] for name in ("source", "path", "label")}


def _markdown(report: dict[str, Any]) -> str:
    lines = [
        "# The photos",
        "",
        f"{report['photos']} photos of {len(report['labels'])} labels in {report['groups']} groups; a group (one "  # noqa: E501
        "sender or object, or one picture again) is never in two splits. Sides from "
        f"{report['sides']['shortest']} to {report['sides']['longest']} pixels, the short one "
        f"{report['sides']['median_short_side']:g} in the middle.",
        "",
        "![samples of each label](samples.jpg)",
        "",
        *_table(
            ("source", "licence", *SPLITS),
            [
                (source["name"], source["licence"], *source["splits"].values())
                for source in report["sources"]
                if source["photos"]
            ],
        ),
        *[
            f"Absent: {s['name']}, as `{s['variable']}` was not set.\n"
            for s in report["sources"]
            if not s["photos"]
        ],
        *_table(
            ("label", *SPLITS), [(label, *counts.values()) for label, counts in report["labels"].items()]
        ),
        "## What was left out or joined",
        "",
        *_list("unreadable files, left out", report["unreadable"]),
        *_list("files with the same bytes as another, left out", report["repeated"]),
        *_list("files whose bytes come with several labels, left out", report["conflicts"]),
        *_list("labels of a single photo, left out", report["labels_of_one_photo"]),
        *_list("pairs of nearly the same picture, kept in one split", report["near_duplicates"]),
        *_list("of these, pairs with two labels", report["near_duplicates_across_labels"]),
        f"Test split: SHA-256 `{report['test_split.sha256']}`.",
        "",
    ]
    return "\n".join(lines)


def _table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return [*("| " + " | ".join(map(str, line)) + " |" for line in lines), ""]


def _list(what: str, entries: Sequence[Any]) -> list[str]:
    """Return a heading with the number and the first entries; all of them stand in report.json."""
    shown = [f"  - {_entry(entry)}" for entry in entries[:_SHOWN]]
    more = [f"  - and {len(entries) - _SHOWN} more, in report.json"] if len(entries) > _SHOWN else []
    return [f"- {len(entries)} {what}", *shown, *more, ""]


def _entry(entry: Any) -> str:
    if isinstance(entry, str):
        return entry
    if isinstance(entry, list):
        return " and ".join(_entry(one) for one in entry)
    reason = f": {entry['reason']}" if "reason" in entry else ""
    return f"`{entry['path']}` of {entry['source']} ({entry['label']}){reason}"


def _write_samples(folder: Path, table: list[Row]) -> None:
    """Write a sheet with a row of training photos for each of the first forty labels."""
    of_label: dict[str, list[str]] = defaultdict(list)
    for row in table:
        if row["split"] == "train" and len(of_label[row["label"]]) < _SAMPLES_A_LABEL:
            of_label[row["label"]].append(row["photo"])
    labels = sorted(of_label)[:_SAMPLED_LABELS]
    sheet = Image.new("RGB", (_SAMPLE_SIDE * _SAMPLES_A_LABEL, _SAMPLE_SIDE * len(labels)), "white")
    for line, label in enumerate(labels):
        for column, photo in enumerate(of_label[label]):
            rgb = picture.read((folder / "pictures" / photo).read_bytes(), _SAMPLE_SIDE)
            sheet.paste(Image.fromarray(rgb), (_SAMPLE_SIDE * column, _SAMPLE_SIDE * line))
        ImageDraw.Draw(sheet).text(
            (4, _SAMPLE_SIDE * line + 2), label, fill="white", stroke_width=2, stroke_fill=0
        )
    sheet.save(folder / "samples.jpg", quality=85)
