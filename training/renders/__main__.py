"""Render pictures of products from 3D models, with masks, colours and labels. Stage `renders`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from training.parameters import add_arguments, from_options
from training.photos.sources import DataError
from training.renders.recipe import RenderRecipe
from training.renders.stage import make


def main() -> int:
    """Render; a failure is one sentence on stderr and exit code 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pieces", type=Path, default=Path("outputs/pieces"))
    parser.add_argument("--out", type=Path, default=Path("outputs/renders"))
    add_arguments(parser, RenderRecipe)
    options = parser.parse_args()
    try:
        sys.stdout.write(make(options.out, options.pieces, from_options(options, RenderRecipe)) + "\n")
    except (DataError, OSError) as error:
        sys.stderr.write(f"Nothing was rendered: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
