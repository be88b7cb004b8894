"""Duties: objects of pictures that no row names, such as what came to a URL after its row was gone."""

import re
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import select

from imagineai_api import thumbnails
from imagineai_api.database import Database
from imagineai_api.housekeeping.duty import HOUR_S, MORE, Bounds, Outcome, Premises, time_before
from imagineai_api.storage import ListedObject, Storage
from imagineai_api.tables import ProductImage, User
from imagineai_api.texts import UUID_PATTERN
from imagineai_api.thumbnails import ORIGINALS, THUMBNAILS

OURS = re.compile(rf"{ORIGINALS}(?P<user>{UUID_PATTERN})/{UUID_PATTERN}/{UUID_PATTERN}_[A-Za-z0-9._-]+")


async def remove(premises: Premises, bounds: Bounds) -> Outcome:
    """Delete the pictures that no row names."""
    return await _look_through(premises, bounds, ORIGINALS)


async def remove_thumbnails(premises: Premises, bounds: Bounds) -> Outcome:
    """Delete the small pictures whose original no row names any more, or names with another content."""
    return await _look_through(premises, bounds, THUMBNAILS)


async def _look_through(premises: Premises, bounds: Bounds, prefix: str) -> Outcome:
    """Look through a part of the bucket page by page.

    Each run begins at a random place and goes once round, so that a bucket too large for one run
    is looked through by several, with nothing to remember between them.
    """
    count = _Count()
    async for page in _around(premises.storage, prefix, str(uuid4())):
        if bounds.reached():
            return count.outcome(MORE)
        await _sift(premises, page, count)
    return count.outcome()


@dataclass
class _Count:
    looked_at: int = 0
    removed: int = 0
    strange: int = 0

    def outcome(self, *remarks: str) -> Outcome:
        strange = f"{self.strange} objects are left alone: their keys name nobody whom this database knows."
        return Outcome(self.looked_at, self.removed, (*((strange,) if self.strange else ()), *remarks))


async def _around(storage: Storage, prefix: str, place: str) -> AsyncIterator[list[ListedObject]]:
    """Yield the pages behind a place to the end, then those before it."""
    start = prefix + place
    async for page in _pages(storage, prefix, start):
        yield page
    async for page in _pages(storage, prefix, ""):
        yield [found for found in page if found.key <= start]
        if page[-1].key > start:
            return


async def _pages(storage: Storage, prefix: str, after: str) -> AsyncIterator[list[ListedObject]]:
    while page := await storage.list_page(prefix, after):
        yield page
        after = page[-1].key


async def _sift(premises: Premises, page: Sequence[ListedObject], count: _Count) -> None:
    """Delete the orphans of a page."""
    count.looked_at += len(page)
    oldest = await time_before(premises.database, premises.settings.orphan_object_hours * HOUR_S)
    old = [found.key for found in page if found.last_modified < oldest]
    unnamed = await _without_row(premises.database, old)
    orphans = await _of_our_users(premises.database, unnamed)
    count.strange += len(unnamed) - len(orphans)
    # An upload stores its object before it writes the row: look again at what is about to go.
    orphans = await _without_row(premises.database, orphans)
    await premises.storage.delete(orphans)
    count.removed += len(orphans)


async def _without_row(database: Database, keys: Sequence[str]) -> list[str]:
    if not keys:
        return []
    originals = {_original(key) for key in keys}
    async with database.reading() as connection:
        query = select(ProductImage.s3_key, ProductImage.etag).where(ProductImage.s3_key.in_(originals))
        rows = (await connection.execute(query)).all()
    named = {key for row in rows for key in (row.s3_key, *thumbnails.keys(row.s3_key, row.etag))}
    return [key for key in keys if key not in named]


async def _of_our_users(database: Database, keys: Iterable[str]) -> list[str]:
    """Leave out what another database's users may have stored: a bucket that two share by mistake."""
    users = {key: UUID(match["user"]) for key in keys if (match := OURS.fullmatch(_original(key)))}
    if not users:
        return []
    async with database.reading() as connection:
        known = set((await connection.scalars(select(User.id).where(User.id.in_(users.values())))).all())
    return [key for key, user in users.items() if user in known]


def _original(key: str) -> str:
    return thumbnails.original(key) if key.startswith(THUMBNAILS) else key
