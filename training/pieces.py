"""Write down which 3D models there are to render. Stage `pieces`.

It runs at every `dvc repro`, as they lie outside the repository; `renders` runs where they have changed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from pathlib import Path

from training.folders import replacing
from training.photos.sources import DataError
from training.renders.listing import PIECES, RECORD, Listed, list_pieces, write_listed
from training.renders.package import VARIABLE, catalogue_files, sha256_of


def main() -> int:
    """Write the list; a failure is one sentence on stderr and exit code 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("outputs/pieces"))
    options = parser.parse_args()
    try:
        sys.stdout.write(make(options.out) + "\n")
    except (DataError, OSError) as error:
        sys.stderr.write(f"No 3D models were listed: {error}\n")
        return 1
    return 0


def make(folder: Path) -> str:
    """Write pieces.csv and record.json; return a sentence on them.

    Raises:
        DataError: The place is not as it must be.
        OSError: A file cannot be read or written.
    """
    value = os.environ.get(VARIABLE)
    listed: list[Listed] = []
    sums: dict[str, str] = {}
    if value:
        place = Path(value)
        with catalogue_files(place) as catalogues:
            sums = {path.name: sha256_of(path) for path in ([place] if place.is_file() else []) + catalogues}
            listed = list_pieces(catalogues)
    used = [one for one in listed if one.label]
    with replacing(folder) as partial:
        write_listed(partial / PIECES, used)
        record = {
            "variable": VARIABLE,
            "sha256": sums,
            "pieces": len(used),
            "left_out": _left_out(listed),
            "licences": _licences(used),
        }
        text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
        (partial / RECORD).write_text(text, encoding="utf-8")
    if not value:
        return f"{VARIABLE} is not set, so that no pictures are rendered: this source is left aside."
    kinds = len({one.label for one in used})
    return (
        f"{len(used)} 3D models of {kinds} labels; {len(listed) - len(used)} are left out, as their names "
        "tell no clear label."
    )


def _left_out(listed: list[Listed]) -> dict[str, int]:
    """Return how many pieces of each catalogue category and name no label fits."""
    return dict(sorted(Counter(f"{one.category}: {one.name}" for one in listed if not one.label).items()))


def _licences(used: list[Listed]) -> dict[str, list[str]]:
    """Return the authors of each licence."""
    return {
        licence: sorted({one.author for one in used if one.licence == licence})
        for licence in sorted({one.licence for one in used})
    }


if __name__ == "__main__":
    sys.exit(main())
