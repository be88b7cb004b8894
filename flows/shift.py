"""A shift: claims jobs while it is open, a few at a time, and shows in Prefect whom it served."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

from prefect.artifacts import acreate_table_artifact
from prefect.logging import get_run_logger
from sqlalchemy import func, update

from flows.display import display
from flows.stopping import FINISH_S
from flows.workplace import Workplace
from imagineai_api import background, wakeups
from imagineai_api.database import interval
from imagineai_api.errors import ImagineAIError, PredictionLost, Superseded, Unavailable
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
        self._stopping = False
        self._id = shift_id
        self._flow_run_id = flow_run_id
        self._process = process
        self._woken = asyncio.Event()
        self._held: dict[asyncio.Task[None], Claimed] = {}
        self._going_back = 0
        self._served = 0
        self._shown = 0
        self._lines: deque[dict[str, str]] = deque(maxlen=SHOWN_JOBS)
        self._pause_until = 0.0
        self._suspects_from = 0.0
        self._away = True

    async def serve(self, *, minutes: float, pictures: int) -> int:
        """Take jobs until the time or the pictures are used up; returns how many were served."""
        if not await self._open(minutes):
            return 0
        ends_at = time.monotonic() + minutes * 60
        try:
            async with background.working(self._listen, self._stay_alive, self._show):
                await self._serve_until(ends_at, pictures)
        finally:
            await self._close()
        return self._served

    async def _serve_until(self, ends_at: float, pictures: int) -> None:
        try:
            while not self._stopping and time.monotonic() < ends_at and self._served < pictures:
                await self._take(min(ends_at - time.monotonic(), IDLE_POLL_S))
            await self._finish_held()
        finally:
            for task in self._held:
                task.cancel()
            await asyncio.gather(*self._held, return_exceptions=True)

    def stop(self) -> None:
        """Take no more jobs, and end when those that are held are finished."""
        self._stopping = True
        self._woken.set()

    async def _take(self, wait_s: float) -> None:
        """Claim what fits and start it, or wait for a wake-up, a free hand or the poll."""
        free = self._place.settings.shift_concurrency - len(self._held)
        # What goes back keeps its attempts only as long as nobody, this shift included, claims it before.
        able = free > 0 and not self._going_back and time.monotonic() >= self._pause_until
        claimed = await self._claim(free) if able else []
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
        """Take a suspect where it is time for one, and as many fresh images as fit beside it."""
        claimed: list[Claimed] = []
        try:
            if self._away:
                # Nothing is claimed before what was missing is there again.
                await self._place.inference.serving()
                self._away = False
            if self._may_take_a_suspect():
                claimed += await self._claim_some(1, suspects=True)
            if free > len(claimed):
                claimed += await self._claim_some(free - len(claimed), suspects=False)
        except ImagineAIError as error:
            self._pause(error)
        return claimed

    async def _claim_some(self, limit: int, *, suspects: bool) -> list[Claimed]:
        settings = self._place.settings
        return await claims.claim(
            self._place.database,
            queue="single",
            limit=limit,
            lease_s=settings.lease_s,
            max_attempts=settings.max_attempts,
            suspects=suspects,
        )

    def _may_take_a_suspect(self) -> bool:
        """Say so once a poll, and while none is held, so that none takes another one's attempt along."""
        now = time.monotonic()
        if now < self._suspects_from or any(work.attempt > 1 for work in self._held.values()):
            return False
        self._suspects_from = now + IDLE_POLL_S
        return True

    async def _work(self, work: Claimed) -> None:
        try:
            outcome = await self._process(self._place, work, self._flow_run_id)
        except Superseded:
            outcome = "cancelled, deleted or taken over"
        except Unavailable as error:
            self._pause(error)
            await self._hand_back(work, lost=isinstance(error, PredictionLost))
            return
        except asyncio.CancelledError:
            await self._hand_back(work, lost=False)
            raise
        self._served += 1
        self._lines.append(_line(work, outcome))
        get_run_logger().info(
            "%s: %s (job %s, request %s)", work.product_title, outcome, work.job_id, work.request_id
        )

    async def _hand_back(self, work: Claimed, *, lost: bool) -> None:
        self._going_back += 1
        try:
            await claims.hand_back_in_time(self._place.database, work, lost=lost)
        finally:
            self._going_back -= 1

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
        with suppress(ImagineAIError):
            async with self._place.database.transaction() as connection:
                await connection.execute(closed)
        await self._show_lines()

    async def _finish_held(self) -> None:
        if self._held:
            await asyncio.wait(list(self._held), timeout=FINISH_S if self._stopping else None)

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
        """Be woken at the moment a job is committed; without it the poll finds the job."""
        async for payload in wakeups.listen(self._place.settings):
            if payload == wakeups.SINGLE:
                self._woken.set()

    async def _show(self) -> None:
        while True:
            await asyncio.sleep(SHOWN_EVERY_S)
            await self._show_lines()

    async def _show_lines(self) -> None:
        if self._served == self._shown or self._flow_run_id is None:
            return
        self._shown = self._served
        async with display():
            await acreate_table_artifact(
                list(self._lines), key=f"shift-{self._id}", description=f"{self._served} pictures served"
            )


def _line(work: Claimed, outcome: str) -> dict[str, str]:
    return {
        "time": datetime.now(UTC).strftime("%H:%M:%S"),
        "product": work.product_title or "(deleted)",
        "outcome": outcome,
        "job": str(work.job_id),
        "image": str(work.image_id),
        "request": work.request_id or "",
    }
