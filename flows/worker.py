"""``python -m flows.worker POOL``: Prefect's process worker, which lets its runs end before it ends itself.

Prefect's own command kills the runs of a worker that is asked to end, in the middle of their pictures.
"""

import argparse
import asyncio
import signal
import sys
from contextlib import suppress

import psutil
from prefect.client.schemas.objects import FlowRun
from prefect.workers.process import ProcessWorker

from flows.stopping import FINISH_S

RUNS_END_WITHIN_S = FINISH_S + 8
"""A run finishes or hands back within ``FINISH_S``; the rest is for telling Prefect."""
LOOK_S = 0.1


async def work(pool: str, name: str, limit: int) -> None:
    """Take runs from a pool until SIGTERM or Ctrl-C."""
    worker = ProcessWorker(work_pool_name=pool, name=name, limit=limit)
    stop, take = asyncio.Event(), worker.get_and_submit_flow_runs

    async def take_unless_stopped() -> list[FlowRun]:
        return [] if stop.is_set() else await take()

    worker.get_and_submit_flow_runs = take_unless_stopped  # type: ignore[method-assign]
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    working, told = asyncio.create_task(worker.start()), asyncio.create_task(stop.wait())
    await asyncio.wait((working, told), return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if not working.done():
        await _end_runs()
        working.cancel()
    with suppress(asyncio.CancelledError):
        await working


async def _end_runs() -> None:
    """Ask the runs to end, and wait until they have: the worker still tells Prefect how they did."""
    runs = psutil.Process().children()
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
    options = parser.parse_args()
    asyncio.run(work(options.pool, options.name, options.limit))
    return 0


if __name__ == "__main__":
    sys.exit(main())
