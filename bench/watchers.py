"""Many watchers of one job beside many that wait: what each of them hears, and how late."""

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import psutil

from bench.caller import Caller, Heard, heard
from bench.processes import Part
from bench.report import p99

OPENED_AT_ONCE = 25


@dataclass(frozen=True)
class Watched:
    """What many watchers of the same jobs heard.

    Attributes:
        lost: Events that some watcher did not hear.
        late_p99_ms: How long after the first of them a watcher heard an event, 99th percentile.
    """

    lost: int
    late_p99_ms: float


async def watch_together(
    caller: Caller, shifts: Part, pictures: Sequence[bytes], watchers: int, ended_job: str
) -> Watched:
    """Have many sockets watch each of some jobs; all are admitted before a shift may begin."""
    product, lost, late = await caller.product("Watched"), 0, []
    for picture in pictures:
        async with stopped(shifts):
            uploaded = await caller.upload(product, picture)
            watching = await _begin_to_watch(caller, uploaded.job_id, watchers)
            # Sockets are admitted one after the other: when this one has been, all have.
            await caller.watch(ended_job)
        streams = await asyncio.gather(*watching)
        whole = max(len(stream) for stream in streams)
        lost += sum(whole - len(stream) for stream in streams)
        late += _lateness_ms(streams)
    return Watched(lost, p99(late))


@asynccontextmanager
async def idle_sockets(caller: Caller, job_id: str, ended_job: str, count: int) -> AsyncIterator[None]:
    """Hold sockets on a job that waits, all admitted."""
    async with AsyncExitStack() as stack:
        turn = asyncio.Semaphore(OPENED_AT_ONCE)

        async def open_one() -> None:
            async with turn:
                await stack.enter_async_context(caller.socket(job_id))

        await asyncio.gather(*(open_one() for _ in range(count)))
        # Sockets are admitted one after the other: when this one has been, all have.
        await caller.watch(ended_job)
        yield


@asynccontextmanager
async def stopped(part: Part) -> AsyncIterator[None]:
    """Stop a part's processes for the block, so that what they would do waits."""
    processes = part.processes()
    _signal(processes, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(processes, signal.SIGCONT)


def _signal(processes: Sequence[psutil.Process], number: int) -> None:
    for process in processes:
        process.send_signal(number)


async def _begin_to_watch(caller: Caller, job_id: str, watchers: int) -> list[asyncio.Task[list[Heard]]]:
    """Open the sockets, a few at a time; gives what each will have heard at the end."""
    turn, opened = asyncio.Semaphore(OPENED_AT_ONCE), asyncio.Semaphore(0)

    async def watch() -> list[Heard]:
        async with AsyncExitStack() as stack:
            async with turn:
                socket = await stack.enter_async_context(caller.socket(job_id))
            opened.release()
            return await heard(socket)

    watching = [asyncio.create_task(watch()) for _ in range(watchers)]
    for _ in range(watchers):
        await opened.acquire()
    return watching


def _lateness_ms(streams: list[list[Heard]]) -> list[float]:
    """Give for each event and watcher how long after the first watcher it came, in ms."""
    by_seq: dict[int, list[float]] = {}
    for stream in streams:
        for event in stream:
            by_seq.setdefault(event.event["seq"], []).append(event.at)
    return [(at - min(moments)) * 1e3 for moments in by_seq.values() for at in moments]
