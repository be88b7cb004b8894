"""Single uploads: how soon the first event and the end arrive, and how many a second for long."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from statistics import median
from time import perf_counter

from bench.caller import Caller, Uploaded
from bench.report import p99

AT_ONCE = 8
LOOK_S = 0.1


@dataclass(frozen=True)
class Latency:
    """Milliseconds from the answered upload to the first step event and to the last event."""

    first_ms: list[float]
    end_ms: list[float]

    @property
    def first_p50(self) -> float:
        """The median until something is told."""
        return median(self.first_ms)

    @property
    def first_p99(self) -> float:
        """The 99th percentile of it."""
        return p99(self.first_ms)

    @property
    def end_p50(self) -> float:
        """The median until everything is told."""
        return median(self.end_ms)


async def one_by_one(caller: Caller, pictures: Sequence[bytes], count: int) -> Latency:
    """Upload one picture after the other, each watched to its end."""
    product, first, end = await caller.product("One by one"), [], []
    for picture in islice(cycle(pictures), count):
        uploaded = await caller.upload(product, picture)
        heard = await caller.watch(uploaded.job_id)
        first.append((heard[0].at - uploaded.answered_at) * 1e3)
        end.append((heard[-1].at - uploaded.answered_at) * 1e3)
    return Latency(first, end)


async def sustained(caller: Caller, product: str, pictures: Sequence[bytes], count: int) -> list[Uploaded]:
    """Upload many, a few at a time, and wait until all have ended."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def upload(picture: bytes) -> Uploaded:
        async with turn:
            return await caller.upload(product, picture)

    uploads = await asyncio.gather(*(upload(picture) for picture in islice(cycle(pictures), count)))
    await until_idle(caller)
    return uploads


async def until_idle(caller: Caller) -> None:
    """Wait until none of the caller's jobs is open."""
    for status in ("queued", "processing"):
        while (await caller.ask("GET", "/jobs", params={"status": status, "limit": 1}))["total"]:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)


async def pictures_per_s(caller: Caller, pictures: Sequence[bytes], count: int) -> float:
    """Give how many single jobs are done in a second, from the first upload to the last end."""
    product, began = await caller.product("Sustained"), perf_counter()
    await sustained(caller, product, pictures, count)
    return count / (perf_counter() - began)
