"""Write down which photos there are: every source's files with their hashes. Stage `manifest`.

It runs at every `dvc repro`, as photos lie outside the repository; what follows it runs where it has changed.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final

from training.folders import replacing
from training.photos.sources import DataError, Photo, folder_of, photos_of

PHOTOS: Final = "manifest.csv"
SOURCES: Final = "sources.json"


@dataclass(frozen=True, slots=True)
class Source:
    """A place that photos may come from.

    Attributes:
        name: In the manifest and in reports.
        variable: The environment variable that names its folder or CSV file on this machine.
        licence: Of its photos, a line for people.
    """

    name: str
    variable: str
    licence: str

    @property
    def place(self) -> Path | None:
        """Where it is on this machine; None where it is absent."""
        value = os.environ.get(self.variable)
        return Path(value) if value else None


def main() -> int:
    """Write the manifest; a failure is one sentence on stderr and exit code 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("outputs/manifest"))
    parser.add_argument("--source", nargs=3, action="append", metavar=("NAME", "VARIABLE", "LICENCE"))
    options = parser.parse_args()
    try:
        make(options.out, [Source(*values) for values in options.source])
    except (DataError, OSError) as error:
        sys.stderr.write(f"No manifest was written: {error}\n")
        return 1
    return 0


def make(folder: Path, sources: list[Source]) -> None:
    """Write manifest.csv and sources.json.

    Raises:
        DataError: No source is there, or one is not as it must be.
        OSError: A file cannot be read or written.
    """
    present = [source for source in sources if source.place]
    if not present:
        raise DataError(f"no source is there; set {' or '.join(source.variable for source in sources)}.")
    rows, described = [], []
    for source in sources:
        photos = listed(source.name, source.place) if source.place else []
        rows += photos
        described.append({**asdict(source), "photos": len(photos)})
        state = f"{len(photos)} photos" if source in present else f"absent, as {source.variable} is not set"
        sys.stdout.write(f"{source.name}: {state}\n")
    with replacing(folder) as partial:
        (partial / PHOTOS).write_text(_table(rows), encoding="utf-8")
        (partial / SOURCES).write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")


def listed(name: str, place: Path) -> list[dict[str, str]]:
    """Return the photos of a source with their hashes, as rows of the manifest.

    Args:
        name: Of the source.
        place: Its folder or CSV file.

    Raises:
        DataError: It is not as it must be.
        OSError: A photo cannot be read.
    """
    folder, photos = folder_of(place), photos_of(place)
    with ThreadPoolExecutor() as pool:
        hashes = pool.map(lambda photo: _sha256(folder / photo.path), photos)
        return [
            {"source": name, "sha256": sha256, **asdict(photo)}
            for photo, sha256 in zip(photos, hashes, strict=True)
        ]


def _table(rows: list[dict[str, str]]) -> str:
    columns = ("source", "sha256", *(field.name for field in fields(Photo)))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    sys.exit(main())
