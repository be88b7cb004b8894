"""A CSV of an import: its header in any order, a row a picture, read line by line."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from imagineai_api.errors import Invalid
from imagineai_api.imports.rows import REQUIRED, Row, described

COLUMNS = (*REQUIRED, "description", "category", "key")
ALSO_CALLED = {"sku": "key"}
DELIMITERS = ",;\t"
NOT_UTF8 = "The CSV must be text in UTF-8."
NO_HEADER = "The CSV is empty: its first row names the columns title and image."


def read(file: BinaryIO, folder: str = "") -> Iterator[Row]:
    """Read the rows of a CSV; one that is wrong says so, the others go on.

    Args:
        file: Its bytes.
        folder: What may stand before the path of each picture.

    Raises:
        Invalid: It is no such table; rows before the fault may have been given.
    """
    try:
        with io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
            yield from _rows(text, folder)
    except UnicodeDecodeError as error:
        raise Invalid(NOT_UTF8) from error
    except csv.Error as error:
        raise Invalid(f"The CSV cannot be read: {error}.") from error


def _rows(text: Iterable[str], folder: str) -> Iterator[Row]:
    lines = iter(text)
    first = next(lines, "")
    delimiter = max(DELIMITERS, key=first.count)
    names = _names(next(csv.reader([first], delimiter=delimiter), []))
    for number, values in enumerate(csv.reader(lines, delimiter=delimiter, strict=True), start=2):
        if any(value.strip() for value in values):
            told = {name: value for name, value in zip(names, values, strict=False) if name}
            yield described(number, told, folder)


def _names(header: list[str]) -> list[str]:
    """Name the columns; one that is not known is passed over.

    Raises:
        Invalid: A column is missing, or is there twice.
    """
    said = [name.strip().lower() for name in header]
    names = [ALSO_CALLED.get(name, name) for name in said]
    if not any(names):
        raise Invalid(NO_HEADER)
    for name in COLUMNS:
        if name in REQUIRED and name not in names:
            raise Invalid(f"The CSV has no column {name}.")
        if names.count(name) > 1:
            raise Invalid(f"The CSV has the column {name} more than once.")
    return [name if name in COLUMNS else "" for name in names]
