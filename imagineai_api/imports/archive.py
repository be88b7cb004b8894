"""A zip as it was sent by anybody: read where it lies, never unpacked to a disk, nothing in it believed."""

import io
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from imagineai_api.errors import Invalid
from imagineai_api.gate import MAX_IMAGE_BYTES
from imagineai_api.imports import table_file
from imagineai_api.imports.rows import Row, found
from imagineai_api.settings import Settings
from imagineai_api.uploads.proof import TOO_LARGE

NAME_BYTES = 256
"""So long may the names in an archive be on average."""
ENCRYPTED = 0x1
DAMAGED = (BadZipFile, zlib.error, EOFError, struct.error, ValueError, NotImplementedError)
NO_ZIP = "The file is no zip archive, or is cut off."
TOO_MANY = "The archive has more than {:,} files."
TOO_MUCH = "What lies in the archive is over {:,} bytes once it is unpacked."
IS_ENCRYPTED = "It is encrypted."
ODD_PACKING = "It is packed by another method than stored or deflated."
IS_DAMAGED = "It is damaged in the archive."
NOT_IN_IT = "The archive has no such file."
SEVERAL_TABLES = "The archive has more than one CSV: {} and {}."
CSV_TOO_LARGE = "The CSV is over {:,} bytes."


class Archive:
    """A zip; its calls are for threads.

    Raises:
        Invalid: From every method, where it is no archive that is taken.
        ObjectChanged: Likewise, where another file lies there now.
    """

    def __init__(self, file: io.BufferedReader, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        most = settings.import_max_rows
        bounded = _Bounded(file, most * NAME_BYTES)
        try:
            self._zip = ZipFile(bounded)
        except DAMAGED as error:
            raise Invalid(NO_ZIP) from error
        bounded.most = MAX_IMAGE_BYTES
        self._members = {
            member.filename.removeprefix("./"): member for member in self._zip.infolist() if _counts(member)
        }
        if len(self._zip.infolist()) > most:
            raise Invalid(TOO_MANY.format(most))
        if sum(member.file_size for member in self._zip.infolist()) > settings.import_max_unpacked_bytes:
            raise Invalid(TOO_MUCH.format(settings.import_max_unpacked_bytes))

    def rows(self) -> Iterator[Row]:
        """Read the rows of the CSV in it; where there is none, make a row of each picture."""
        table = self._table()
        if table is None:
            yield from (found(number, name) for number, name in enumerate(sorted(self._members), start=1))
            return
        if problem := self._problem(table, self._settings.import_max_csv_bytes):
            raise Invalid(f"{table.filename[:80]}: {problem}")
        try:
            with self._zip.open(table) as file:
                yield from table_file.read(file)  # type: ignore[arg-type]
        except DAMAGED as error:
            raise Invalid(f"{table.filename[:80]}: {IS_DAMAGED}") from error

    def read(self, name: str) -> bytes:
        """Unpack a picture, one at a time."""
        member = self._members.get(name)
        if member is None:
            raise Invalid(NOT_IN_IT)
        if problem := self._problem(member, MAX_IMAGE_BYTES):
            raise Invalid(problem)
        try:
            # No more is asked for than it declares: a stored file may pretend to be packed in far more.
            with self._lock, self._zip.open(member) as file:
                return file.read(member.file_size)
        except DAMAGED as error:
            raise Invalid(IS_DAMAGED) from error

    def _table(self) -> ZipInfo | None:
        tables = sorted(name for name in self._members if name.lower().endswith(".csv"))
        if len(tables) > 1:
            raise Invalid(SEVERAL_TABLES.format(*(name[:80] for name in tables[:2])))
        return self._members[tables[0]] if tables else None

    def _problem(self, member: ZipInfo, most: int) -> str | None:
        """Say what keeps a file from being unpacked; ``zipfile`` gives no more of it than it declares."""
        if member.flag_bits & ENCRYPTED:
            return IS_ENCRYPTED
        if member.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
            return ODD_PACKING
        if member.file_size > most:
            return TOO_LARGE if most == MAX_IMAGE_BYTES else CSV_TOO_LARGE.format(most)
        return None


class _Bounded:
    """A file of which nobody can read much at once: ``zipfile`` takes an archive's directory in one piece."""

    def __init__(self, file: BinaryIO, most: int) -> None:
        self._file, self.most = file, most
        self._end = file.seek(0, io.SEEK_END)
        file.seek(0)

    def read(self, size: int = -1) -> bytes:
        left = self._end - self._file.tell()
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted > max(self.most, io.DEFAULT_BUFFER_SIZE * 16):
            raise Invalid("The archive's directory is too large.")
        return self._file.read(wanted)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _counts(member: ZipInfo) -> bool:
    """Leave out folders, and what systems put beside the files that somebody packs."""
    parts = PurePosixPath(member.filename).parts
    hidden = any(part.startswith((".", "__MACOSX")) and part not in {".", ".."} for part in parts)
    return not member.is_dir() and not hidden and parts[-1:] != ("Thumbs.db",)
