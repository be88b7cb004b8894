"""Clients of one route that ask as fast as they are answered, or at a pace of their own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from statistics import median
from time import perf_counter

import aiohttp

from bench.report import p99

Ask = Callable[[bytes], Awaitable[int]]
"""Sends one picture; gives the status of the answer."""


@dataclass(frozen=True)
class Load:
    """What came of many requests.

    Attributes:
        refused: How many were answered with anything but 2xx.
        per_s: How many were answered with 2xx in a second.
        latencies_ms: Of those; at a pace, from the moment that the pace had set.
    """

    refused: int
    per_s: float
    latencies_ms: list[float]

    @property
    def p50(self) -> float:
        """The median latency in ms."""
        return median(self.latencies_ms)

    @property
    def p99(self) -> float:
        """The 99th percentile of it."""
        return p99(self.latencies_ms)


@asynccontextmanager
async def sending_forms(address: str, headers: dict[str, str] | None = None) -> AsyncIterator[Ask]:
    """Give a client of one route that sends forms, as browsers do."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:

        async def ask(picture: bytes) -> int:
            form = aiohttp.FormData()
            form.add_field("file", picture, filename="photo.jpg", content_type="image/jpeg")
            async with session.post(address, data=form) as answer:
                await answer.read()
                return answer.status

        yield ask


async def in_turn(ask: Ask, pictures: Sequence[bytes], connections: int, count: int) -> Load:
    """Ask over some connections, each as soon as it is answered."""
    waiting = islice(cycle(pictures), count)
    seen: list[tuple[int, float]] = []

    async def one_after_the_other() -> None:
        for picture in waiting:
            began = perf_counter()
            seen.append((await ask(picture), perf_counter() - began))

    began = perf_counter()
    await asyncio.gather(*(one_after_the_other() for _ in range(connections)))
    return _load(seen, perf_counter() - began)


async def at_a_pace(ask: Ask, pictures: Sequence[bytes], per_s: float, count: int) -> Load:
    """Ask so often a second, whether the last one is answered or not."""
    seen: list[tuple[int, float]] = []

    async def one(picture: bytes, due: float) -> None:
        await asyncio.sleep(max(0.0, due - perf_counter()))
        seen.append((await ask(picture), perf_counter() - due))

    began = perf_counter()
    pictures_due = enumerate(islice(cycle(pictures), count))
    await asyncio.gather(*(one(picture, began + number / per_s) for number, picture in pictures_due))
    return _load(seen, perf_counter() - began)


def _load(seen: Sequence[tuple[int, float]], took_s: float) -> Load:
    answered = [latency_s * 1e3 for status, latency_s in seen if 200 <= status < 300]
    if not answered:
        raise SystemExit("No request was answered with 2xx: measuring needs high rate limits.")
    return Load(len(seen) - len(answered), len(answered) / took_s, answered)
