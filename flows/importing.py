"""``import-products``: reads what an import is made of, and makes products and pictures of its rows."""

import asyncio
from functools import partial
from uuid import UUID

from prefect import flow, runtime
from prefect.logging import get_run_logger

from flows.import_display import ImportDisplay
from flows.import_rows import Rows
from flows.outlasting import WAIT_S, until_done
from flows.stopping import on_stop
from flows.workplace import Workplace, open_workplace
from imagineai_api import background
from imagineai_api.errors import Conflict, ImagineAIError, Invalid, Superseded
from imagineai_api.imports import progress, sources
from imagineai_api.imports.progress import STUCK, Ledger, Work
from imagineai_api.settings import read_settings

ENDED = "The import has ended, or is gone."
NOT_ENDED = "Its turn is over: another run goes on with it."
LOST = "It was cancelled, or another run goes on with it."
MINUTE_S = 60


@flow(name="import-products", description="Products and pictures of one bulk import.", log_prints=False)
async def import_products(import_id: UUID) -> str:
    """Work on an import until it has ended, or this run's turn is over."""
    stop = asyncio.Event()
    async with open_workplace(read_settings()) as place:
        over = asyncio.get_running_loop().call_later(place.settings.import_turn_minutes * MINUTE_S, stop.set)
        with on_stop(stop.set):
            try:
                work = await _begin(place, import_id, stop)
                return ENDED if work is None else await Importing(place, work, stop).run()
            finally:
                over.cancel()


async def _begin(place: Workplace, import_id: UUID, stop: asyncio.Event) -> Work | None:
    """Wait until nobody else holds the import; None where there is nothing to do."""
    taken: list[Work] = []

    async def turn() -> bool:
        work = await progress.begin(place.database, place.settings, import_id, runtime.flow_run.id)
        if work is not None:
            taken.append(work)
            return True
        if not await progress.is_open(place.database, import_id):
            return True
        await asyncio.sleep(WAIT_S)
        return False

    await until_done(turn, stop)
    return taken[0] if taken else None


class Importing:
    """An import that this run holds; whatever it is stopped at, the next run goes on behind the last row."""

    def __init__(self, place: Workplace, work: Work, stop: asyncio.Event) -> None:
        self._place, self._work, self._stop = place, work, stop
        self._ledger = Ledger(place.database, place.settings, work)
        self._display = ImportDisplay(place, work)

    async def run(self) -> str:
        """Read the rows where they are not read, take those that wait, and end the import."""
        get_run_logger().info("Import %s of request %s", self._work.id, self._work.request_id)
        try:
            async with background.working(self._keep_lease):
                await self._display.begin()
                if self._work.attempts > self._place.settings.max_attempts:
                    stuck = STUCK.format(self._place.settings.max_attempts)
                    await self._end("failed", stuck, keeps_source=True)
                elif not await self._work_through():
                    await self._ledger.release()
                    return NOT_ENDED
        except Superseded:
            return LOST
        return await self._display.end()

    async def _work_through(self) -> bool:
        """Do all there is to do; False where it was stopped before."""
        try:
            return (
                await until_done(self._read_rows, self._stop)
                and await until_done(self._take_rows, self._stop)
                and await until_done(partial(self._end, "completed"), self._stop)
            )
        except (Invalid, Conflict) as error:
            return await until_done(partial(self._end, "failed", str(error)), self._stop)

    async def _read_rows(self) -> bool:
        """Write down all rows, unless an earlier run has."""
        self._source = await sources.opened(self._place.storage, self._place.settings, self._work)
        if self._work.total_rows is None:
            await self._ledger.forget_rows()
            count, most = 0, self._place.settings.import_max_rows
            async for some in self._source.rows():
                count += len(some)
                if count > most:
                    raise Invalid(f"It has more than {most:,} rows.")
                await self._ledger.add(some)
            await self._ledger.count_rows()
        return True

    async def _take_rows(self) -> bool:
        rows = Rows(self._place, self._work, self._source, self._ledger, self._stop)
        return await rows.take(self._display.update)

    async def _end(self, status: str, error: str | None = None, *, keeps_source: bool = False) -> bool:
        await self._ledger.end(status, error, keeps_source=keeps_source)
        return True

    async def _keep_lease(self) -> None:
        while True:
            await asyncio.sleep(self._place.settings.shift_heartbeat_s)
            try:
                await self._ledger.extend()
            except Superseded:
                self._stop.set()
                return
            except ImagineAIError:
                continue  # the part that is away is told where it is needed
