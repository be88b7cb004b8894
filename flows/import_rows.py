"""The rows of an import, some at a time: uploads of people wait behind a few of them at most."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

from prefect import task
from prefect.cache_policies import NO_CACHE
from sqlalchemy import Row as Record
from sqlalchemy import select

from flows.stopping import finish
from flows.workplace import Workplace
from imagineai_api.imports.progress import Ledger, Work
from imagineai_api.imports.sources import Source
from imagineai_api.imports.taking import Taker
from imagineai_api.tables import Job

CHUNK = 50
LOOK_S = 0.1


class Rows:
    """The rows that wait, taken in chunks; those of one product one after another, others beside them."""

    def __init__(
        self, place: Workplace, work: Work, source: Source, ledger: Ledger, stop: asyncio.Event
    ) -> None:
        self._ledger, self._stop = ledger, stop
        self._taker = Taker(place.database, place.storage, work, source, ledger)
        self._room = Room(place, stop)
        self._hands = asyncio.Semaphore(place.settings.import_concurrency)
        self._stopped_by: BaseException | None = None

    async def take(self, taken: Callable[[], Awaitable[None]]) -> bool:
        """Take rows until none waits; False where it was stopped before.

        Args:
            taken: Called after each chunk.
        """
        self._room.fill(await self._ledger.unfinished_jobs())
        while not self._stop.is_set():
            rows = await self._ledger.waiting(CHUNK)
            if rows:
                named = take_chunk.with_options(name=f"rows {rows[0].number} to {rows[-1].number}")
                await finish(named(self, rows), self._stop)
                self._raise_what_stopped_it()
            elif not await self._ledger.has_waiting():
                return True
            await taken()
        return False

    async def take_chunk(self, rows: Sequence[Record[Any]]) -> str:
        """Take these rows, unless something that concerns all of them comes between."""
        key = attrgetter("product_key")
        products = [list(group) for _, group in groupby(sorted(rows, key=key), key)]
        ended = await asyncio.gather(*map(self._take_product, products), return_exceptions=True)
        self._stopped_by = next((end for end in ended if end is not None), None)
        return f"{len(rows)} rows" if self._stopped_by is None else f"Stopped: {self._stopped_by}"

    def _raise_what_stopped_it(self) -> None:
        """Raise it outside of the task, which is no failure for Prefect to show."""
        if self._stopped_by is not None:
            raise self._stopped_by

    async def _take_product(self, rows: Sequence[Record[Any]]) -> None:
        for row in sorted(rows, key=attrgetter("number")):
            async with self._hands:
                if not await self._room.enter():
                    return
                job_id = None
                try:
                    job_id = await self._taker.take(row)
                finally:
                    self._room.leave(job_id)


@task(name="rows", persist_result=False, cache_policy=NO_CACHE)
async def take_chunk(rows: Rows, chunk: Sequence[Record[Any]]) -> str:
    """Take some rows."""
    return await rows.take_chunk(chunk)


class Room:
    """How many pictures of the import may wait for their analysis: no more than ``import_ahead``."""

    def __init__(self, place: Workplace, stop: asyncio.Event) -> None:
        self._database, self._most, self._stop = place.database, place.settings.import_ahead, stop
        self._jobs: set[UUID] = set()
        self._promised = 0
        self._door = asyncio.Lock()

    def fill(self, jobs: Sequence[UUID]) -> None:
        """Count jobs that are there already."""
        self._jobs |= set(jobs)

    async def enter(self) -> bool:
        """Wait until one more may come; False where the run was stopped before."""
        async with self._door:
            while not self._stop.is_set():
                if len(self._jobs) + self._promised >= self._most:
                    await self._forget_ended()
                if len(self._jobs) + self._promised < self._most:
                    self._promised += 1
                    return True
                await asyncio.sleep(LOOK_S)
        return False

    def leave(self, job_id: UUID | None) -> None:
        """Say what became of the one that has entered."""
        self._promised -= 1
        if job_id is not None:
            self._jobs.add(job_id)

    async def _forget_ended(self) -> None:
        still_open = select(Job.id).where(Job.id.in_(self._jobs), Job.completed_at.is_(None))
        async with self._database.reading() as connection:
            self._jobs = set((await connection.scalars(still_open)).all())
