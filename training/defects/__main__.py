"""Teach the network to see defects that are painted into good photos. Stage `defects`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from training.defects.recipe import DefectRecipe
from training.defects.teaching import teach
from training.parameters import add_arguments, from_options
from training.photos.dataset import load_dataset
from training.photos.sources import DataError


def main() -> int:
    """Train, set the threshold, measure; a failure is one sentence on stderr and exit code 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("outputs/prepare"))
    parser.add_argument("--out", type=Path, default=Path("outputs/defects"))
    add_arguments(parser, DefectRecipe)
    options = parser.parse_args()
    try:
        metrics = teach(options.out, load_dataset(options.data), from_options(options, DefectRecipe))
    except (DataError, OSError) as error:
        sys.stderr.write(f"No defect head was made: {error}\n")
        return 1
    sys.stdout.write(
        f"Painted defects found: {metrics['found']}, their type right: {metrics['type_right']}; "
        f"good photos flagged: {metrics['good_flagged']}.\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
