"""A CSV and the pictures that it names, as one zip to be sent."""

import csv
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from imagineai_client.errors import ImagineAIError

DELIMITERS = ",;\t"


@contextmanager
def packed(table: Path, folder: Path | None) -> Iterator[Path]:
    """Give a zip of a CSV and its pictures, for as long as the block lasts.

    Without any picture here, and no folder named, the CSV itself: its pictures lie in S3.

    Args:
        table: The CSV.
        folder: Where the pictures lie; by default beside the CSV.

    Raises:
        ImagineAIError: The CSV names no pictures, or none of them lies in the folder.
        OSError: A file cannot be read.
    """
    where = folder or table.parent
    pictures = {name: where / name for name in _named(table) if _is_below(where, name)}
    if not pictures and folder is not None:
        raise ImagineAIError(f"{folder} has none of the pictures that {table} names.")
    if not pictures:
        yield table
        return
    with tempfile.TemporaryDirectory(prefix="imagineai-") as temporary:
        whole = Path(temporary) / f"{table.stem}.zip"
        # Pictures are packed already; a zip knows no year before 1980, which a camera without a clock writes.
        with ZipFile(whole, "w", ZIP_STORED, strict_timestamps=False) as archive:
            archive.write(table, table.name, ZIP_DEFLATED)
            for name, path in pictures.items():
                archive.write(path, name)
        yield whole


def _named(table: Path) -> Iterator[str]:
    """The pictures that a CSV names, as it names them."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as lines:
            header = lines.readline()
            delimiter = max(DELIMITERS, key=header.count)
            names = [name.strip().lower() for name in next(csv.reader([header], delimiter=delimiter), [])]
            if "image" not in names:
                raise ImagineAIError(f"{table} has no column image.")
            place = names.index("image")
            for row in csv.reader(lines, delimiter=delimiter):
                if len(row) > place and row[place].strip():
                    yield str(PurePosixPath(row[place].strip()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ImagineAIError(f"{table} is no CSV in UTF-8: {error}.") from error


def _is_below(folder: Path, name: str) -> bool:
    """Whether a picture is there, and no path leads out of the folder."""
    parts = PurePosixPath(name)
    return not parts.is_absolute() and ".." not in parts.parts and (folder / name).is_file()
