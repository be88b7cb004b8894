"""The renders as a data set of their own, split by 3D model; label training sees none. Stage `catalogue`."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from training.folders import replacing
from training.manifest import listed
from training.photos import labels
from training.photos.data_report import test_split_sha256
from training.photos.inspection import Row
from training.photos.sources import DataError
from training.prepare import LABELS, PHOTOS, PICTURES, Shares, write, write_table
from training.renders.listing import RECORD, RENDERS
from training.renders.package import VARIABLE

SOURCE: Final = "renders"
_FEWEST_PIECES: Final = 3


def main() -> int:
    """Write the data set; a failure is one sentence on stderr and exit code 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--renders", type=Path, default=Path("outputs/renders"))
    parser.add_argument("--out", type=Path, default=Path("outputs/catalogue"))
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--validation", type=float, required=True, help="share of the pictures")
    parser.add_argument("--test", type=float, required=True, help="share of the pictures")
    options = parser.parse_args()
    try:
        sentence = make(options.out, options.renders, options.seed, options.validation, options.test)
    except (DataError, OSError) as error:
        sys.stderr.write(f"No catalogue was written: {error}\n")
        return 1
    sys.stdout.write(sentence + "\n")
    return 0


def make(folder: Path, renders: Path, seed: int, validation: float, test: float) -> str:
    """Write the data set as `prepare` writes that of the photos; an empty one where nothing was rendered.

    Args:
        folder: Where to; there whole or not at all.
        renders: What the stage `renders` wrote.
        seed: Of the split.
        validation: Share of the pictures.
        test: Share of the pictures.

    Returns:
        A sentence on it.

    Raises:
        DataError: The pictures cannot be used as they are.
        OSError: A file cannot be read or written.
    """
    record = json.loads((renders / RECORD).read_text(encoding="utf-8"))
    if not record["pictures"]:
        _write_empty(folder)
        return "Nothing was rendered, so that the catalogue is empty: this source is left aside."
    rows = listed(SOURCE, renders / RENDERS)
    source = {"name": SOURCE, "variable": VARIABLE, "licence": record["licence"], "photos": len(rows)}
    shares = Shares(seed, validation, test, strata_of(rows))
    write(folder, [source], rows, {SOURCE: renders}, shares)
    return f"{len(rows)} pictures of {record['pieces']} 3D models."


def strata_of(rows: Iterable[Row]) -> dict[str, str]:
    """Return by label what is split evenly: the category, as many labels have one 3D model alone.

    A category of fewer than three 3D models counts with the largest one: it cannot lie in every split.
    """
    pieces = {(row["label"], row["group"]) for row in rows}
    placed = labels.place({label: () for label, _ in pieces})
    category_of = {label["name"]: label["category"] for label in placed}
    counts = Counter(category_of[label] for label, _ in pieces)
    largest = max(sorted(counts), key=lambda category: counts[category])
    return {
        label: category if counts[category] >= _FEWEST_PIECES else largest
        for label, category in category_of.items()
    }


def _write_empty(folder: Path) -> None:
    report: dict[str, Any] = {"photos": 0, "sources": [], "test_split.sha256": test_split_sha256([])}
    with replacing(folder) as partial:
        (partial / PICTURES).mkdir()
        write_table(partial / PHOTOS, [])
        (partial / LABELS).write_text("[]\n", encoding="utf-8")
        (partial / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
