"""Where an import's rows and pictures come from: a CSV, a zip, the user's folder in S3."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, Protocol
from uuid import UUID

from imagineai_api.errors import Conflict, Invalid, ObjectChanged
from imagineai_api.gate import MAX_IMAGE_BYTES
from imagineai_api.imports import table_file
from imagineai_api.imports.archive import Archive
from imagineai_api.imports.rows import Row, folder, found
from imagineai_api.settings import Settings
from imagineai_api.storage import Storage, StoredObject
from imagineai_api.texts import UUID_PATTERN
from imagineai_api.uploads.proof import TOO_LARGE

ROWS_AT_ONCE = 500
NO_OBJECT = "There is no such object in your folder."
CHANGED = "The file was changed or deleted while it was being imported."
OF_AN_IMPORT = re.compile(f"{UUID_PATTERN}/")
"""What was uploaded for an import lies in the folder too, below the import's id."""


class Source(Protocol):
    """What an import is made of.

    Raises:
        Invalid: From both methods: it, or that picture, cannot be taken.
        Conflict: Likewise: the file that was begun with is there no longer.
        Unavailable: From both methods: a part is away.
    """

    def rows(self) -> AsyncIterator[list[Row]]:
        """Read all rows, some at a time."""

    async def read(self, image: str) -> bytes:
        """Read the picture at a path."""


async def opened(storage: Storage, settings: Settings, work: Any) -> Source:
    """Open what an import is made of, as its row names it.

    Raises:
        Invalid, Conflict, Unavailable: As its methods do.
    """
    if work.kind == "prefix":
        return Prefix(storage, work.user_id, work.name)
    file = storage.opened(work.source_key, StoredObject(work.source_bytes, work.source_etag))
    if work.kind == "csv":
        pictures = Folder(storage, work.user_id)
        return Table(pictures, table_file.read(file, pictures.path))
    with _still_there():
        return Zip(await asyncio.to_thread(Archive, file, settings))


class Folder:
    """The user's folder in S3; no path leads out of it."""

    def __init__(self, storage: Storage, user_id: UUID) -> None:
        self.storage, self.path = storage, folder(user_id)

    async def read(self, image: str) -> bytes:
        """Read a picture."""
        key = self.path + image
        stored = await self.storage.head(key)
        if stored is None:
            raise Invalid(NO_OBJECT)
        if stored.size_bytes > MAX_IMAGE_BYTES:
            raise Invalid(TOO_LARGE)
        return await self.storage.get(key, stored.etag)


class Table:
    """A CSV; its pictures lie in the user's folder."""

    def __init__(self, pictures: Folder, rows: Iterable[Row]) -> None:
        self._rows = rows
        self.read = pictures.read

    def rows(self) -> AsyncIterator[list[Row]]:
        """Read the lines."""
        return _in_thread(self._rows)


class Zip:
    """An archive, with a CSV in it or without."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def rows(self) -> AsyncIterator[list[Row]]:
        """Read the CSV, or the names of the files."""
        return _in_thread(self._archive.rows())

    async def read(self, image: str) -> bytes:
        """Unpack a picture."""
        with _still_there():
            return await asyncio.to_thread(self._archive.read, image)


class Prefix:
    """What lies in the user's folder below a prefix."""

    def __init__(self, storage: Storage, user_id: UUID, prefix: str) -> None:
        self._pictures, self._prefix = Folder(storage, user_id), prefix
        self.read = self._pictures.read

    async def rows(self) -> AsyncIterator[list[Row]]:
        """List the objects, page by page."""
        path, number, after = self._pictures.path, 0, ""
        while page := await self._pictures.storage.list_page(path + self._prefix, after):
            after = page[-1].key
            names = [listed.key.removeprefix(path) for listed in page]
            pictures = [name for name in names if not name.endswith("/") and not OF_AN_IMPORT.match(name)]
            yield [found(number + place, name) for place, name in enumerate(pictures, start=1)]
            number += len(pictures)


async def _in_thread(rows: Iterable[Row]) -> AsyncIterator[list[Row]]:
    """Take some rows at a time, each time in a thread: reading them waits for S3."""
    lines: Iterator[Row] = iter(rows)
    with _still_there():
        while some := await asyncio.to_thread(lambda: list(islice(lines, ROWS_AT_ONCE))):
            yield some


@contextmanager
def _still_there() -> Iterator[None]:
    try:
        yield
    except ObjectChanged as error:
        raise Conflict(CHANGED) from error
