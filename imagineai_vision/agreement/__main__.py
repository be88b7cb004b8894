"""Whether a bundle answers the same wherever it is placed and however it is decoded, over a folder of photos.

The table has each placement beside the first one. Exit code 1 where one agrees with it on too few labels.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from imagineai_vision import picture
from imagineai_vision.agreement.answers import Answers, answers
from imagineai_vision.agreement.differences import Difference, difference, table
from imagineai_vision.agreement.photos import drawn
from imagineai_vision.agreement.plain import READS
from imagineai_vision.bundle import Bundle, BundleError, open_bundle
from imagineai_vision.picture import PictureError
from imagineai_vision.placements.choice import COMPARABLE

NEEDED: Final = 0.995
"""Share of the photos on which two placements must name the same label."""

Photos = Sequence[Callable[[], bytes]]


def main() -> int:
    """Compare, print the tables; a failure is one sentence on stderr and exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m imagineai_vision.agreement", description=__doc__)
    parser.add_argument("folder", type=Path, help="photos, also in folders below it")
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument(
        "--placements", type=_placements, default=["onnx", "torch"], help="the first is the reference"
    )
    parser.add_argument("--photos", type=int, default=300, help="how many at most, drawn evenly")
    parser.add_argument("--decodes", action="store_true", help="compare decodes too, on the first placement")
    parser.add_argument("--side", type=int, help="enlarge photos to so many pixels first")
    parser.add_argument("--out", type=Path, help="where to write the figures as JSON")
    options = parser.parse_args()
    try:
        bundle, photos = open_bundle(options.bundle), drawn(options.folder, options.photos, options.side)
        placed, decoded = compare(bundle, photos, options.placements, decodes=options.decodes)
    except (BundleError, PictureError, OSError) as error:
        sys.stderr.write(f"Nothing was compared: {error}\n")
        return 2
    _tell(placed, decoded, options.placements[0])
    if options.out:
        figures = {"placements": placed, "decodes": decoded}
        as_json = {part: {way: asdict(row) for way, row in rows.items()} for part, rows in figures.items()}
        options.out.write_text(json.dumps({"reference": options.placements[0], **as_json}, indent=1) + "\n")
    return 0 if all(row.same_label >= NEEDED for row in placed.values()) else 1


def compare(
    bundle: Bundle, photos: Photos, placements: Sequence[str], *, decodes: bool
) -> tuple[dict[str, Difference], dict[str, Difference]]:
    """Return the differences of placements and of decodes, by name.

    Args:
        bundle: The opened bundle.
        photos: Each gives a picture file's bytes.
        placements: Names of ``COMPARABLE``; the first one is the reference.
        decodes: Whether the plain decodes are compared with the served one too.
    """
    reference = _answers(bundle, photos, placements[0])
    placed = {name: difference(reference, _answers(bundle, photos, name)) for name in placements[1:]}
    others = [name for name, read in READS.items() if decodes and read is not picture.read]
    decoded = {name: difference(reference, _answers(bundle, photos, placements[0], name)) for name in others}
    return placed, decoded


def _answers(bundle: Bundle, photos: Photos, name: str, decode: str = "as served") -> Answers:
    placement = COMPARABLE[name](bundle)
    try:
        return answers(bundle, placement, photos, READS[decode])
    finally:
        placement.close()


def _placements(text: str) -> list[str]:
    names = text.split(",")
    unknown = sorted(set(names) - set(COMPARABLE))
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: known are {', '.join(COMPARABLE)}")
    return names


def _tell(placed: dict[str, Difference], decoded: dict[str, Difference], reference: str) -> None:
    for title, rows in ((f"Beside {reference}", placed), ("Beside the decode as served", decoded)):
        if rows:
            count = next(iter(rows.values())).photos
            sys.stdout.write(f"{title}, {count} photos:\n\n{table(rows)}\n")


if __name__ == "__main__":
    sys.exit(main())
