"""One way to serve, measured: as fast as it goes over some connections, and at paces that leave it room."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from bench.asking import Ask, Load, at_a_pace, in_turn
from bench.raw import Limit, RawLoop

CONNECTIONS = (1, 8, 32)
PACES = (0.5, 0.8)
MEMORY_EVERY_S = 1.0


class Processes(Protocol):
    """The processes that serve."""

    def cpu_s(self) -> float:
        """Give their CPU time, in s."""

    def memory_bytes(self) -> int:
        """Give their memory."""


@dataclass(frozen=True)
class Measured:
    """What came of one load.

    Attributes:
        name: Who served.
        backend: What computed, "torch" or "onnx".
        setting: How it was run; "" where nothing was chosen.
        load: What was asked of it.
        per_s: Answers with 2xx in a second.
        refused: Other answers.
        p50_ms: Median latency of the answers with 2xx.
        p99_ms: The 99th percentile of it.
        cpu_ms: CPU of all its processes for each request.
        memory_mb: The most memory that its processes had until then.
        raw_before: The raw loop's pictures a second, just before.
        raw_after: The same, just after: a shared machine changes its speed from one load to the next.
        raw_cpu_ms: CPU of one picture in the raw loop, the mean of before and after.
        best: Whether its setting is the best of those tried.
    """

    name: str
    backend: str
    setting: str
    load: str
    per_s: float
    refused: int
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    memory_mb: float
    raw_before: float = 0.0
    raw_after: float = 0.0
    raw_cpu_ms: float = 0.0
    best: bool = False

    @property
    def raw_per_s(self) -> float:
        """What the raw loop does meanwhile: the mean of before and after."""
        return (self.raw_before + self.raw_after) / 2

    @property
    def of_raw(self) -> float:
        """Its throughput as a share of the raw loop's."""
        return self.per_s / self.raw_per_s

    def facts(self) -> dict[str, Any]:
        """Give what the JSON has of it."""
        return asdict(self) | {"of_raw": self.of_raw}


class Measuring:
    """Measures one way to serve.

    Args:
        name: Who serves.
        backend: What computes.
        setting: How it is run.
        processes: What serves.
        ask: Asks it.
        pictures: What is sent.
        raw: Does the same pictures without a service before and after each load.
    """

    def __init__(
        self,
        name: str,
        backend: str,
        setting: str,
        processes: Processes,
        ask: Ask,
        pictures: list[bytes],
        raw: RawLoop,
    ) -> None:
        self._who = name, backend, setting
        self._processes = processes
        self._ask = ask
        self._pictures = pictures
        self._raw = raw
        self._limit: Limit | None = None
        self._most_bytes = 0

    async def everything(self, requests: int) -> list[Measured]:
        """Ask over each number of connections, then at each share of what the most of them reached."""
        rows = [await self.closed(connections, requests) for connections in CONNECTIONS]
        capacity = rows[-1].per_s
        for pace in PACES:
            asking = at_a_pace(self._ask, self._pictures, capacity * pace, requests)
            rows.append(await self._measured(f"{pace:.0%} of capacity", requests, asking))
        return rows

    async def closed(self, connections: int, requests: int) -> Measured:
        """Ask over some connections, each as soon as it is answered."""
        asking = in_turn(self._ask, self._pictures, connections, requests)
        load = f"{connections} connection{'s' if connections > 1 else ''}"
        return await self._measured(load, requests, asking)

    async def _measured(self, load: str, requests: int, asking: Awaitable[Load]) -> Measured:
        before = self._limit or await self._raw_limit()
        cpu_s = self._processes.cpu_s()
        watching = asyncio.create_task(self._watch_memory())
        seen = await asking
        cpu_ms = (self._processes.cpu_s() - cpu_s) / requests * 1e3
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        after = self._limit = await self._raw_limit()
        row = Measured(
            *self._who,
            load,
            seen.per_s,
            seen.refused,
            seen.p50,
            seen.p99,
            cpu_ms,
            memory_mb=self._most_bytes / 1e6,
            raw_before=before.per_s,
            raw_after=after.per_s,
            raw_cpu_ms=(before.cpu_ms + after.cpu_ms) / 2,
        )
        what = ", ".join(word for word in (*self._who, load) if word)
        rates = f"{row.per_s:.1f}/s of {row.raw_per_s:.1f}/s raw, p99 {row.p99_ms:.0f} ms"
        print(f"{what}: {rates}, CPU {cpu_ms:.0f} ms of {row.raw_cpu_ms:.0f} ms raw", flush=True)  # noqa: T201
        return row

    async def _raw_limit(self) -> Limit:
        # In a thread, so that connections which the service closes meanwhile are seen to be closed.
        return await asyncio.to_thread(self._raw.limit, self._pictures, len(self._pictures))

    async def _watch_memory(self) -> None:
        while True:
            self._most_bytes = max(self._most_bytes, await asyncio.to_thread(self._processes.memory_bytes))
            await asyncio.sleep(MEMORY_EVERY_S)
