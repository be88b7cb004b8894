"""A chunk of a batch: images held in stock, a few in work at a time."""

import asyncio
import logging
from collections import deque
from uuid import UUID

from sqlalchemy import select

from flows.outlasting import WAIT_S
from flows.processing import process_image
from flows.workplace import Workplace
from imagineai_api import background
from imagineai_api.errors import ImagineAIError, PredictionLost, Superseded, Unavailable
from imagineai_api.jobs import claims, endings
from imagineai_api.jobs.claims import Claimed
from imagineai_api.tables import Job

log = logging.getLogger(__name__)

HANDS_A_PREDICTION = 4
"""Of so many images in work, one is being predicted; the others are read, or wait to be written."""


class Chunk:
    """Claimed images of one batch; those that are not begun cost no attempt, whatever happens.

    Images at which a worker has ended are worked on one at a time: one of them may be the reason.
    """

    def __init__(self, place: Workplace, job_id: UUID, works: list[Claimed], stop: asyncio.Event) -> None:
        self._place = place
        self._job_id = job_id
        self._stock = deque(works)
        self._stop = stop
        self._in_hand: set[Claimed] = set()
        self._over = self._is_away = False
        suspected = any(work.attempt > 1 for work in works)
        self._hands = 1 if suspected else place.settings.batch_concurrency * HANDS_A_PREDICTION
        self._done = 0

    async def process(self) -> str:
        """Work on all of them, as long as the job is open and no part is away; says how many were done."""
        async with background.working(self._hold):
            turns = [asyncio.create_task(self._take_turns()) for _ in range(self._hands)]
            try:
                await asyncio.wait(turns)
            finally:
                await self._end(turns)
        for turn in turns:
            turn.result()
        if self._is_away:
            await asyncio.sleep(WAIT_S)
        return f"{self._done} images done"

    async def _end(self, turns: list[asyncio.Task[None]]) -> None:
        """Have no turn go on behind this chunk, and give back what is in stock."""
        for turn in turns:
            turn.cancel()
        await asyncio.gather(*turns, return_exceptions=True)
        while self._stock:
            await claims.hand_back_in_time(self._place.database, self._stock.popleft())

    async def _take_turns(self) -> None:
        while self._stock and not self._over and not self._stop.is_set():
            work = self._stock.popleft()
            self._in_hand.add(work)
            try:
                await self._process(work)
            except BaseException:
                self._over = True
                raise
            finally:
                self._in_hand.discard(work)

    async def _process(self, work: Claimed) -> None:
        database = self._place.database
        try:
            await process_image(self._place, work, None)
            self._done += 1
        except Superseded:
            self._over = self._over or await has_ended(self._place, self._job_id)
        except Unavailable as error:
            log.warning("The chunk stops: %s", error)
            self._over = self._is_away = True
            await claims.hand_back_in_time(database, work, lost=isinstance(error, PredictionLost))
        except asyncio.CancelledError:
            await claims.hand_back_in_time(database, work)
            raise

    async def _hold(self) -> None:
        """Keep the leases of what is in hand and in stock."""
        settings = self._place.settings
        while True:
            try:
                async with self._place.database.transaction() as connection:
                    await claims.extend(connection, [*self._in_hand, *self._stock], settings.lease_s)
            except ImagineAIError as error:
                log.warning("The leases of a chunk were not extended: %s", error)
            await asyncio.sleep(settings.shift_heartbeat_s)


async def has_ended(place: Workplace, job_id: UUID) -> bool:
    """Whether a job has ended, or is gone."""
    async with place.database.reading() as connection:
        return await connection.scalar(select(Job.status).where(Job.id == job_id)) not in endings.OPEN
