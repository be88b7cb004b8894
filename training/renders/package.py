"""Where the 3D models come from: Debian's package `sweethome3d-furniture`, as a .deb file or unpacked."""

from __future__ import annotations

import hashlib
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from training.photos.sources import DataError

VARIABLE: Final = "IMAGINEAI_MODELS_3D"
PACKAGE: Final = "sweethome3d-furniture"
CATALOGUES: Final = "*.sh3f"
_SUM_SUFFIX: Final = ".sha256"


@contextmanager
def catalogue_files(place: Path) -> Iterator[list[Path]]:
    """Give the furniture catalogues of a place, sorted by name; those of a .deb while the block lasts.

    Args:
        place: A folder with .sh3f files somewhere in it, or the package's .deb file.

    Raises:
        DataError: There is nothing of the kind, or the .deb is not the one that its index lists.
    """
    if place.is_dir():
        yield _catalogues_in(place)
    elif place.suffix == ".deb" and place.is_file():
        check(place)
        with tempfile.TemporaryDirectory() as folder:
            _unpack(place, Path(folder))
            yield _catalogues_in(Path(folder))
    else:
        raise DataError(f"{place} is neither a folder nor a .deb file.")


def check(package: Path) -> str:
    """Return the SHA-256 of a .deb, in hex, once it has been found to be the one that was listed.

    The file NAME.deb.sha256 beside it, as `fetch` leaves it, says what was listed; else apt's index does.

    Raises:
        DataError: It is another one, or nothing is known of it.
    """
    beside = package.with_name(package.name + _SUM_SUFFIX)
    listed = _read_sum(beside) if beside.is_file() else listed_sha256()
    found = sha256_of(package)
    if found != listed:
        raise DataError(
            f"{package.name} is not the package that was listed: its SHA-256 is {found}, listed is {listed}; "
            "fetch it again."
        )
    return found


def listed_sha256(package: str = PACKAGE) -> str:
    """Return the SHA-256 that apt's package index gives for a package.

    Raises:
        DataError: apt is not here, or does not know the package.
    """
    text = run_tool("apt-cache", "show", "--no-all-versions", package)
    found = re.search(r"^SHA256: ([0-9a-f]{64})$", text, re.MULTILINE)
    if not found:
        raise DataError(f"apt's index has no SHA-256 for {package}; `apt-get update` may bring it.")
    return found.group(1)


def write_sum(package: Path, sha256: str) -> None:
    """Leave what was listed for a .deb beside it, as `sha256sum -c` reads it."""
    package.with_name(package.name + _SUM_SUFFIX).write_text(f"{sha256}  {package.name}\n", encoding="ascii")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def run_tool(*command: str, folder: Path | None = None) -> str:
    """Run one of Debian's tools and return what it wrote.

    Raises:
        DataError: It is not here, or fails.
    """
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError as error:
        raise DataError(f"{command[0]} is not on this machine; it comes with Debian and Ubuntu.") from error
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise DataError(f"{' '.join(command)} failed: {said}.")
    return done.stdout


def _unpack(package: Path, folder: Path) -> None:
    run_tool("dpkg-deb", "-x", str(package), str(folder))


def _catalogues_in(folder: Path) -> list[Path]:
    found = sorted(folder.rglob(CATALOGUES), key=lambda path: path.name)
    if not found:
        raise DataError(f"{folder} holds no furniture catalogues ({CATALOGUES}).")
    return found


def _read_sum(path: Path) -> str:
    words = path.read_text(encoding="utf-8").split()
    if not words or not re.fullmatch(r"[0-9a-f]{64}", words[0]):
        raise DataError(f"{path.name} holds no SHA-256.")
    return words[0]
