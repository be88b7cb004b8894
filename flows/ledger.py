"""Writes what a worker's images do: at once where little happens, many together where much does."""

import asyncio
import logging

from imagineai_api.analysis import service as analyses
from imagineai_api.analysis.service import Result
from imagineai_api.database import Database
from imagineai_api.errors import Superseded, Unavailable
from imagineai_api.jobs import progress
from imagineai_api.jobs.changes import Change, StepEnd, StepStart
from imagineai_api.jobs.claims import Claimed
from imagineai_api.redis_link import RedisLink

log = logging.getLogger(__name__)

AGAIN_S = 0.5
AT_ONCE = 64
CROWDED_S = 0.03
"""Where several images had something to write, what follows gathers so long; one alone never waits."""


class Page:
    """What one image has done that is not yet written; its worker tells, the ledger writes."""

    def __init__(self, ledger: "Ledger", work: Claimed, flow_run_id: str | None) -> None:
        self._ledger = ledger
        self._pending = Change(work, flow_run_id, begins=not work.counted)
        self._clean = asyncio.Event()
        self._clean.set()
        self._lost: Exception | None = None
        self.result: Result | None = None

    def tell(self, step: StepStart | StepEnd) -> None:
        """Note a step; it is written soon."""
        self._pending.steps.append(step)
        self._ask()

    def end(self, status: str, error: str | None = None, result: Result | None = None) -> None:
        """Note the image's end, with what was found."""
        self._pending.ended, self._pending.error, self.result = status, error, result
        self._ask()

    async def written(self) -> None:
        """Wait until all that was told is written.

        Raises:
            Superseded: The job was cancelled or deleted, or another worker holds the image now.
        """
        await self._clean.wait()
        self.check()

    def check(self) -> None:
        """Raise what made the last writing fail, once."""
        lost, self._lost = self._lost, None
        if lost is not None:
            raise lost

    def take(self) -> Change:
        """Give what is to be written now, the ledger's turn."""
        taken, work = self._pending, self._pending.work
        self._pending = Change(work, taken.flow_run_id)
        return taken

    def put_back(self, taken: Change) -> None:
        """Have a change that could not be written before all that was told meanwhile."""
        self._pending = taken.then(self._pending)

    def done(self, lost: Exception | None = None) -> None:
        """Say how it went; what was told meanwhile is still to be written, unless the image is lost."""
        self._lost = self._lost or lost
        if lost is not None:
            self._pending = Change(self._pending.work, self._pending.flow_run_id)
        if not (self._pending.steps or self._pending.ended):
            self._clean.set()

    def _ask(self) -> None:
        self._clean.clear()
        self._ledger.ask(self)


class Ledger:
    """The one writer of a worker: while it writes, the next changes gather.

    Args:
        database: Where it writes.
        redis: By which events go out.
        lease_s: How long an image is held after each of its changes, in seconds.
        gathers_s: How long changes gather at least: 0 where somebody waits for each of them.
    """

    def __init__(self, database: Database, redis: RedisLink, lease_s: float, gathers_s: float) -> None:
        self._database = database
        self._redis = redis
        self._lease_s = lease_s
        self._gathers_s = gathers_s
        self._waiting: dict[Page, None] = {}
        self._asked = asyncio.Event()

    def open(self, work: Claimed, flow_run_id: str | None) -> Page:
        """Begin the page of a claimed image."""
        return Page(self, work, flow_run_id)

    def ask(self, page: Page) -> None:
        """Have a page written at the next turn."""
        self._waiting[page] = None
        self._asked.set()

    async def run(self) -> None:
        """Write for ever; what cannot be written now is kept, and its images wait."""
        crowded = False
        while True:
            await self._asked.wait()
            await asyncio.sleep(max(self._gathers_s, CROWDED_S if crowded else 0))
            pages = list(self._waiting)[:AT_ONCE]
            crowded = len(pages) > 1
            for page in pages:
                del self._waiting[page]
            if not self._waiting:
                self._asked.clear()
            await self._write({page: page.take() for page in pages})

    async def _write(self, taken: dict[Page, Change]) -> None:
        try:
            held = await self._write_together(taken)
        except Unavailable as error:
            log.warning("What %d images did waits to be written: %s", len(taken), error)
            for page, change in taken.items():
                page.put_back(change)
                self.ask(page)
            await asyncio.sleep(AGAIN_S)
        except Exception as error:
            if len(taken) == 1:
                log.exception("What an image did was not written")
                next(iter(taken)).done(error)
                return
            # One of them is to blame; the others are written without it.
            for page, change in taken.items():
                await self._write({page: change})
        else:
            for page in taken:
                page.done(None if page in held else Superseded())

    async def _write_together(self, taken: dict[Page, Change]) -> set[Page]:
        changes = list(taken.values())
        async with progress.writing(self._database, self._redis, changes, lease_s=self._lease_s) as writing:
            kept = {id(change) for change in writing.held}
            held = {page for page, change in taken.items() if id(change) in kept}
            results = [page.result for page, change in taken.items() if page in held and change.ended]
            await analyses.write(writing.connection, [result for result in results if result is not None])
        return held
