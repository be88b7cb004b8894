"""What a run of an import writes: each transaction renews its lease, and writes nothing once that is lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row as Record
from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api import ownership
from imagineai_api.database import Database, interval
from imagineai_api.errors import Superseded
from imagineai_api.import_tables import Import, ImportRow
from imagineai_api.imports import service as imports
from imagineai_api.imports.rows import Row
from imagineai_api.settings import Settings
from imagineai_api.tables import Job, ProductImage, lease_tokens

LOOKED_UP_AT_ONCE = 500
"""An import that is run again is mostly known: that goes fast."""
KNOWN = "Its key was imported already."
STUCK = "Its run has ended {} times without getting on: start it again, or look at the rows that wait."


@dataclass(frozen=True)
class Work:
    """An import that this run holds until its lease lapses; the token fences what it writes."""

    id: UUID
    user_id: UUID
    kind: str
    name: str
    source_key: str | None
    source_etag: str | None
    source_bytes: int | None
    total_rows: int | None
    request_id: str | None
    attempts: int
    lease_token: int


async def begin(
    database: Database, settings: Settings, import_id: UUID, flow_run_id: str | None
) -> Work | None:
    """Take an import that nobody holds; None where somebody does, or where it is not open."""
    free = or_(Import.lease_until.is_(None), Import.lease_until < func.now())
    began = update(Import).where(Import.id == import_id, Import.status.in_(imports.OPEN), free)
    values = {
        "status": "processing",
        "attempts": Import.attempts + 1,
        "flow_run_id": flow_run_id,
        "lease_token": lease_tokens.next_value(),
        "lease_until": func.now() + interval(settings.lease_s),
        "started_at": func.coalesce(Import.started_at, func.now()),
        "updated_at": func.now(),
    }
    columns = [getattr(Import, name) for name in Work.__dataclass_fields__]
    async with database.transaction() as connection:
        row = (await connection.execute(began.values(**values).returning(*columns))).mappings().one_or_none()
    return None if row is None else Work(**row)


async def is_open(database: Database, import_id: UUID) -> bool:
    """Whether there is still something to do."""
    found = select(Import.id).where(Import.id == import_id, Import.status.in_(imports.OPEN))
    async with database.reading() as connection:
        return await connection.scalar(found) is not None


class Ledger:
    """The rows of an import that a run holds.

    Raises:
        Superseded: From every method that writes: it was cancelled or deleted, or another run holds it.
    """

    def __init__(self, database: Database, settings: Settings, work: Work) -> None:
        self._database, self._settings, self._work = database, settings, work
        self._rows = ImportRow.import_id == work.id

    async def extend(self) -> None:
        """Keep the lease."""
        async with self._database.transaction() as connection:
            await self._hold(connection)

    async def release(self) -> None:
        """Give the import back, for the next run to take at once; this one's beginning does not count."""
        async with self._database.transaction() as connection:
            await self._hold(connection, lease_until=None, attempts=0)

    async def forget_rows(self) -> None:
        """Remove what an earlier run has read, and not to the end."""
        async with self._database.transaction() as connection:
            await self._hold(connection)
            await connection.execute(delete(ImportRow).where(self._rows))

    async def add(self, rows: Sequence[Row]) -> None:
        """Write rows as they were read; those that cannot be tried have failed."""
        if not rows:
            return
        async with self._database.transaction() as connection:
            await self._hold(connection)
            await connection.execute(insert(ImportRow), [self._values(row) for row in rows])

    async def count_rows(self) -> None:
        """Note that all rows have been read."""
        failed = func.count().filter(ImportRow.status == "failed")
        async with self._database.transaction() as connection:
            await self._hold(connection)
            total, unfit = (await connection.execute(select(func.count(), failed).where(self._rows))).one()
            await self._hold(connection, total_rows=total, failed_rows=unfit, attempts=0)

    async def waiting(self, limit: int) -> list[Record[Any]]:
        """Skip of the next rows those that are known by now, and give up to ``limit`` of the others."""
        query = select(ImportRow.__table__).where(self._rows, ImportRow.status == "waiting")
        query = query.order_by(ImportRow.number).limit(max(limit, LOOKED_UP_AT_ONCE))
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
            known = await self._known(connection, [row.image_key for row in rows])
        if known:
            await self._skip([row.number for row in rows if row.image_key in known])
        return [row for row in rows if row.image_key not in known][:limit]

    async def has_waiting(self) -> bool:
        """Whether rows are left."""
        left = select(ImportRow.number).where(self._rows, ImportRow.status == "waiting").limit(1)
        async with self._database.reading() as connection:
            return await connection.scalar(left) is not None

    async def refuse(self, number: int, reason: str) -> None:
        """Note why a row failed."""
        async with self._database.transaction() as connection:
            await self.note(connection, number, "failed", reason=reason)

    async def note(self, connection: AsyncConnection, number: int, status: str, **values: Any) -> None:
        """Note what became of a waiting row, and count it."""
        counted = {"imported": Import.imported_rows, "failed": Import.failed_rows}[status]
        await self._hold(connection, attempts=0, **{counted.key: counted + 1})
        waiting = update(ImportRow).where(
            self._rows, ImportRow.number == number, ImportRow.status == "waiting"
        )
        if not (await connection.execute(waiting.values(status=status, **values))).rowcount:
            raise Superseded

    async def unfinished_jobs(self) -> list[UUID]:
        """Name the jobs of the import's pictures that an earlier run has started and that have not ended."""
        on_their_way = ownership.jobs(self._work.user_id, Job.id).where(Job.completed_at.is_(None))
        query = select(ImportRow.job_id).where(
            self._rows, ImportRow.status == "imported", ImportRow.job_id.in_(on_their_way)
        )
        async with self._database.reading() as connection:
            return [job_id for job_id in (await connection.scalars(query)).all() if job_id is not None]

    async def end(self, status: str, error: str | None = None, *, keeps_source: bool = False) -> None:
        """End the import; its file goes, unless somebody may want to go on."""
        work, ended = self._work, {"completed_at": func.now(), "lease_until": None}
        async with self._database.transaction() as connection:
            await self._hold(connection, status=status, error_message=error, **ended)
            if not keeps_source:
                lasts_s = self._settings.presigned_url_expires_s
                await imports.remove_source(connection, work.id, work.source_key, lasts_s)

    async def _hold(self, connection: AsyncConnection, **values: Any) -> None:
        """Renew the lease and hold the import's row, so that one transaction at a time decides."""
        lease = {"lease_until": func.now() + interval(self._settings.lease_s), "updated_at": func.now()}
        held = update(Import).where(
            Import.id == self._work.id,
            Import.lease_token == self._work.lease_token,
            Import.status == "processing",
        )
        if not (await connection.execute(held.values(**{**lease, **values}))).rowcount:
            raise Superseded

    async def _known(self, connection: AsyncConnection, keys: Sequence[str]) -> set[str]:
        mine = ownership.images(self._work.user_id, ProductImage.import_key).where(
            ProductImage.user_id == self._work.user_id, ProductImage.import_key.in_(keys)
        )
        return set((await connection.scalars(mine)).all()) if keys else set()

    async def _skip(self, numbers: Sequence[int]) -> None:
        known = update(ImportRow).where(
            self._rows, ImportRow.number.in_(numbers), ImportRow.status == "waiting"
        )
        async with self._database.transaction() as connection:
            await self._hold(connection)
            skipped = (await connection.execute(known.values(status="skipped", reason=KNOWN))).rowcount
            await self._hold(connection, attempts=0, skipped_rows=Import.skipped_rows + skipped)

    def _values(self, row: Row) -> dict[str, Any]:
        return {
            "import_id": self._work.id,
            "number": row.number,
            "key": row.key,
            "title": row.title,
            "description": row.description,
            "category": row.category,
            "image": row.image,
            "product_key": row.product_key,
            "image_key": row.image_key,
            "status": "waiting" if row.reason is None else "failed",
            "reason": row.reason,
        }
