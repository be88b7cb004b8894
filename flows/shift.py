"""A shift: claims jobs while it is open, a few at a time, and shows in Prefect whom it served."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import psycopg
from prefect.artifacts import acreate_table_artifact
from prefect.exceptions import PrefectException
from prefect.logging import get_run_logger
from sqlalchemy import func, update

from flows.workplace import Workplace
from imagineai_api import dispatch
from imagineai_api.database import interval
from imagineai_api.errors import ImagineAIError, Superseded, Unavailable
from imagineai_api.jobs import claims, progress
from imagineai_api.jobs.claims import Claimed
from imagineai_api.tables import Shift as ShiftRow

log = logging.getLogger(__name__)

IDLE_POLL_S = 1.0
"""A lost wake-up costs at most this."""
PAUSE_AFTER_OUTAGE_S = 1.0
SHOWN_EVERY_S = 5.0
SHOWN_JOBS = 200

Process = Callable[[Workplace, Claimed, str | None], Awaitable[str]]


class Shift:
    """One open shift of the interactive queue."""

    def __init__(self, place: Workplace, shift_id: UUID, flow_run_id: str | None, process: Process) -> None:
        self._place = place
        self._id = shift_id
        self._flow_run_id = flow_run_id
        self._process = process
        self._woken = asyncio.Event()
        self._held: dict[asyncio.Task[None], Claimed] = {}
        self._served = 0
        self._shown = 0
        self._lines: deque[dict[str, str]] = deque(maxlen=SHOWN_JOBS)
        self._pause_until = 0.0
        self._away = True

    async def serve(self, *, minutes: float, pictures: int) -> int:
        """Take jobs until the time or the pictures are used up; returns how many were served."""
        if not await self._open(minutes):
            return 0
        ends_at = time.monotonic() + minutes * 60
        tasks = [asyncio.create_task(work()) for work in (self._listen, self._stay_alive, self._show)]
        try:
            while time.monotonic() < ends_at and self._served < pictures:
                await self._take(min(ends_at - time.monotonic(), IDLE_POLL_S))
            await self._finish_held()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._close()
        return self._served

    async def _take(self, wait_s: float) -> None:
        """Claim what fits and start it, or wait for a wake-up, a free hand or the poll."""
        free = self._place.settings.shift_concurrency - len(self._held)
        claimed = await self._claim(free) if free > 0 and time.monotonic() >= self._pause_until else []
        for work in claimed:
            task = asyncio.create_task(self._work(work))
            self._held[task] = work
            task.add_done_callback(self._release)
        if not claimed:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), max(wait_s, 0.01))
            self._woken.clear()

    def _release(self, task: asyncio.Task[None]) -> None:
        self._held.pop(task)
        self._woken.set()

    async def _claim(self, free: int) -> list[Claimed]:
        settings = self._place.settings
        try:
            if self._away:
                # Nothing is claimed before what was missing is there again.
                await self._place.inference.serving()
                self._away = False
            return await claims.claim(
                self._place.database,
                queue="single",
                limit=free,
                lease_s=settings.lease_s,
                max_attempts=settings.max_attempts,
            )
        except ImagineAIError as error:
            self._pause(error)
            return []

    async def _work(self, work: Claimed) -> None:
        try:
            outcome = await self._process(self._place, work, self._flow_run_id)
        except Superseded:
            outcome = "cancelled, deleted or taken over"
        except Unavailable as error:
            self._pause(error)
            await self._hand_back(work)
            return
        self._served += 1
        self._lines.append(_line(work, outcome))
        get_run_logger().info("%s: %s (job %s)", work.product_title, outcome, work.job_id)

    async def _hand_back(self, work: Claimed) -> None:
        """Put an image back for which a part was away; where the database is away, when it is there again."""
        while True:
            try:
                return await claims.hand_back(self._place.database, work)
            except ImagineAIError as error:
                log.warning("Image %s waits to be handed back: %s", work.image_id, error)
                await asyncio.sleep(PAUSE_AFTER_OUTAGE_S)

    def _pause(self, error: ImagineAIError) -> None:
        if not self._away:
            log.warning("The shift pauses: %s", error)
        self._away = True
        self._pause_until = time.monotonic() + PAUSE_AFTER_OUTAGE_S

    async def _open(self, minutes: float) -> bool:
        opened = (
            update(ShiftRow)
            .where(ShiftRow.id == self._id, ShiftRow.closed_at.is_(None))
            .values(
                opened_at=func.now(),
                heartbeat_at=func.now(),
                closes_at=func.now() + interval(minutes * 60),
                flow_run_id=self._flow_run_id,
            )
        )
        async with self._place.database.transaction() as connection:
            return (await connection.execute(opened)).rowcount == 1

    async def _close(self) -> None:
        closed = update(ShiftRow).where(ShiftRow.id == self._id).values(closed_at=func.now())
        for work in list(self._held.values()):
            with suppress(ImagineAIError):
                await claims.hand_back(self._place.database, work)
        with suppress(ImagineAIError):
            async with self._place.database.transaction() as connection:
                await connection.execute(closed)
        await self._show_lines()

    async def _finish_held(self) -> None:
        while self._held:
            await asyncio.wait(list(self._held), return_when=asyncio.ALL_COMPLETED)

    async def _stay_alive(self) -> None:
        """Beat, hold on to the leases, and end what nobody will finish."""
        settings, database = self._place.settings, self._place.database
        while True:
            try:
                async with database.transaction() as connection:
                    await connection.execute(
                        update(ShiftRow).where(ShiftRow.id == self._id).values(heartbeat_at=func.now())
                    )
                    await claims.extend(connection, list(self._held.values()), settings.lease_s)
                await progress.fail_exhausted(
                    database, self._place.redis, queue="single", max_attempts=settings.max_attempts
                )
            except ImagineAIError as error:
                log.warning("The shift's heartbeat was not written: %s", error)
            await asyncio.sleep(settings.shift_heartbeat_s)

    async def _listen(self) -> None:
        """Be woken by PostgreSQL at the moment a job is committed; without it the poll finds the job."""
        url = self._place.settings.database_url.replace("postgresql+psycopg", "postgresql", 1)
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {dispatch.CHANNEL}")
                    async for notice in connection.notifies():
                        if notice.payload == "single":
                            self._woken.set()
            except psycopg.Error as error:
                log.warning("The wake-up connection was lost: %s", error)
            await asyncio.sleep(IDLE_POLL_S)

    async def _show(self) -> None:
        while True:
            await asyncio.sleep(SHOWN_EVERY_S)
            await self._show_lines()

    async def _show_lines(self) -> None:
        if self._served == self._shown or self._flow_run_id is None:
            return
        self._shown = self._served
        try:
            await acreate_table_artifact(
                list(self._lines), key=f"shift-{self._id}", description=f"{self._served} pictures served"
            )
        except (PrefectException, OSError) as error:
            log.warning("The shift's table was not shown: %s", error)


def _line(work: Claimed, outcome: str) -> dict[str, str]:
    return {
        "time": datetime.now(UTC).strftime("%H:%M:%S"),
        "product": work.product_title or "(deleted)",
        "outcome": outcome,
        "job": str(work.job_id),
        "image": str(work.image_id),
    }
