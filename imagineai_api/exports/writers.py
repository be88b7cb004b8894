"""Rows as CSV, JSON Lines and Parquet, written piece by piece."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from sqlalchemy import DateTime, Float, Integer
from sqlalchemy.types import TypeEngine

if TYPE_CHECKING:
    import pyarrow

Columns = dict[str, TypeEngine[Any]]
FORMULA_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What makes a spreadsheet compute a cell's text."""
ROWS_A_GROUP = 20_000
"""A Parquet file is written by groups of so many rows; that many are held at most."""


class Format(StrEnum):
    """How an export is written."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


class Writer(Protocol):
    """Turns rows into the bytes of a file, from its beginning to its end."""

    def write(self, rows: Iterable[Sequence[Any]]) -> bytes:
        """What is to be sent for these rows, or nothing yet."""

    def end(self) -> bytes:
        """What is still to be sent after the last row."""


class CsvWriter:
    """RFC 4180 with a header; a text that a spreadsheet would compute has an apostrophe before it."""

    def __init__(self, columns: Columns) -> None:
        self._buffer = io.StringIO(newline="")
        self._csv = csv.writer(self._buffer)
        self._csv.writerow(columns)

    def write(self, rows: Iterable[Sequence[Any]]) -> bytes:
        """These rows, the header before the first."""
        self._csv.writerows([_cell(value) for value in row] for row in rows)
        return self.end()

    def end(self) -> bytes:
        """What was not given out yet."""
        text = self._buffer.getvalue()
        self._buffer.seek(0)
        self._buffer.truncate()
        return text.encode()


class JsonLinesWriter:
    """An object a line, null where there is no value."""

    def __init__(self, columns: Columns) -> None:
        self._names = tuple(columns)

    def write(self, rows: Iterable[Sequence[Any]]) -> bytes:
        """These rows."""
        lines = (dict(zip(self._names, map(_plain, row), strict=True)) for row in rows)
        return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()

    def end(self) -> bytes:
        """Nothing."""
        return b""


class ParquetWriter:
    """Columns with their types, a group of rows at a time."""

    def __init__(self, columns: Columns) -> None:
        # Slow to import, and only few ask for it.
        import pyarrow as arrow
        from pyarrow import parquet

        self._arrow = arrow
        self._schema = arrow.schema([(name, _arrow_type(arrow, kind)) for name, kind in columns.items()])
        self._sink = _Drained()
        self._file = parquet.ParquetWriter(arrow.PythonFile(self._sink, mode="w"), self._schema)
        self._held: list[Sequence[Any]] = []

    def write(self, rows: Iterable[Sequence[Any]]) -> bytes:
        """A group of rows where enough have come."""
        self._held.extend(rows)
        if len(self._held) >= ROWS_A_GROUP:
            self._write_group()
        return self._sink.drain()

    def end(self) -> bytes:
        """The last group, and what tells where each of them is."""
        self._write_group()
        self._file.close()
        return self._sink.drain()

    def _write_group(self) -> None:
        names = self._schema.names
        lines = [dict(zip(names, map(_typed, row), strict=True)) for row in self._held]
        self._file.write_table(self._arrow.Table.from_pylist(lines, schema=self._schema))
        self._held = []


class _Drained(io.RawIOBase):
    """A file whose bytes are taken away as they come; it keeps count of them."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        self._position += len(self._pieces[-1])
        return len(self._pieces[-1])

    def tell(self) -> int:
        return self._position

    def drain(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


WRITERS: dict[Format, Callable[[Columns], Writer]] = {
    Format.CSV: CsvWriter,
    Format.JSONL: JsonLinesWriter,
    Format.PARQUET: ParquetWriter,
}
MEDIA_TYPES = {
    Format.CSV: "text/csv",
    Format.JSONL: "application/jsonl",
    Format.PARQUET: "application/vnd.apache.parquet",
}


def _cell(value: Any) -> Any:
    """A value as a spreadsheet may read it."""
    if isinstance(value, str) and value.startswith(FORMULA_BEGINNINGS):
        return f"'{value}"
    return _plain(value)


def _plain(value: Any) -> Any:
    """Ids as text, times in UTC as the API writes them."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return _typed(value)


def _typed(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


def _arrow_type(arrow: "pyarrow", kind: TypeEngine[Any]) -> Any:
    if isinstance(kind, DateTime):
        return arrow.timestamp("us", tz="UTC")
    if isinstance(kind, Integer):
        return arrow.int64()
    return arrow.float64() if isinstance(kind, Float) else arrow.string()
