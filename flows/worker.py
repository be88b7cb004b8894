"""``python -m flows.worker POOL``: Prefect's process worker, warm, woken, and orderly at its end.

Prefect's own command looks for runs every few seconds, starts a Python for each, and kills the runs of a
worker that is asked to end in the middle of their pictures. Any of Prefect's workers can take its place.
"""

import argparse
import asyncio
import os
import signal
import sys
from contextlib import suppress

import psutil
from prefect.client.schemas.objects import FlowRun
from prefect.workers.process import ProcessWorker

from flows.spare_keeper import SpareKeeper
from flows.stopping import FINISH_S
from flows.warm import SPARE
from imagineai_api import background, wakeups
from imagineai_api.settings import read_settings

RUNS_END_WITHIN_S = FINISH_S + 8
"""A run finishes or hands back within ``FINISH_S``; the rest is for telling Prefect."""
LOOK_S = 0.1


class OrderlyWorker(ProcessWorker):
    """Takes runs from its pool when it is woken, and every now and then; none once it is to end."""

    def __init__(self, pool: str, name: str, limit: int) -> None:
        super().__init__(work_pool_name=pool, name=name, limit=limit)
        self._ending = asyncio.Event()
        self._taking = asyncio.Lock()

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Start what is scheduled."""
        async with self._taking:
            return [] if self._ending.is_set() else await super().get_and_submit_flow_runs()

    async def work(self, *, keeps_spare: bool) -> None:
        """Take runs until SIGTERM or Ctrl-C, then let those that run come to their end."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._ending.set)
        os.environ.pop(SPARE, None)
        spare = SpareKeeper()
        async with background.working(self._be_woken, *((spare.keep,) if keeps_spare else ())):
            await self._take_until_asked_to_end(spare)

    async def _take_until_asked_to_end(self, spare: SpareKeeper) -> None:
        working, told = asyncio.create_task(self.start()), asyncio.create_task(self._ending.wait())
        await asyncio.wait((working, told), return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if not working.done():
            await _end_runs(spare)
            working.cancel()
        with suppress(asyncio.CancelledError):
            await working

    async def _be_woken(self) -> None:
        async for payload in wakeups.listen(read_settings()):
            if payload == wakeups.RUN_ORDERED and self.is_setup:
                await self.get_and_submit_flow_runs()


async def _end_runs(spare: SpareKeeper) -> None:
    """Ask the runs to end, and wait until they have: the worker still tells Prefect how they did."""
    await spare.dismiss()
    runs = [run for run in psutil.Process().children() if run.pid not in spare.pids]
    for run in runs:
        with suppress(psutil.NoSuchProcess):
            run.terminate()
    with suppress(TimeoutError):
        async with asyncio.timeout(RUNS_END_WITHIN_S):
            while any(run.is_running() for run in runs):  # noqa: ASYNC110 - the worker takes their ends
                await asyncio.sleep(LOOK_S)


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="flows.worker", description="A worker of one of Prefect's pools.")
    parser.add_argument("pool")
    parser.add_argument("--name", required=True)
    parser.add_argument("--limit", type=int, required=True, help="how many runs at once")
    parser.add_argument("--spare", action="store_true", help="keep a process warm for the next run")
    options = parser.parse_args()
    asyncio.run(_work(options.pool, options.name, options.limit, options.spare))
    return 0


async def _work(pool: str, name: str, limit: int, keeps_spare: bool) -> None:
    await OrderlyWorker(pool, name, limit).work(keeps_spare=keeps_spare)


if __name__ == "__main__":
    sys.exit(main())
