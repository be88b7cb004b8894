"""Fetch the 3D models: `python -m training.renders.fetch FOLDER`, on Debian and Ubuntu.

Leaves the .deb, what apt's index says its SHA-256 is, and says which variable to set.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from training.photos.sources import DataError
from training.renders.package import PACKAGE, VARIABLE, check, listed_sha256, run_tool, write_sum


def main() -> int:
    """Download and check; a failure is one sentence on stderr and exit code 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    try:
        package = fetch(options.folder)
    except (DataError, OSError) as error:
        sys.stderr.write(f"The 3D models were not fetched: {error}\n")
        return 1
    sys.stdout.write(f"Set {VARIABLE}={package.resolve()}\n")
    return 0


def fetch(folder: Path) -> Path:
    """Download the package into a folder, unless the listed one is there; return the .deb.

    Raises:
        DataError: apt is not here, or what came is not what its index lists.
        OSError: The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    listed = listed_sha256()
    run_tool("apt-get", "download", PACKAGE, folder=folder)
    packages = sorted(folder.glob(f"{PACKAGE}_*.deb"), key=lambda path: path.stat().st_mtime)
    if not packages:
        raise DataError(f"apt-get left no {PACKAGE} in {folder}.")
    write_sum(packages[-1], listed)
    check(packages[-1])
    return packages[-1]


if __name__ == "__main__":
    sys.exit(main())
