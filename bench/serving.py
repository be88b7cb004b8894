"""The table of serving: ``POST /analyze`` beside the raw loop, and reads beside it."""

import asyncio
from contextlib import AbstractAsyncContextManager, suppress
from statistics import median
from time import perf_counter

from bench.asking import Ask, in_turn, sending_forms
from bench.caller import Caller
from bench.measured import CONNECTIONS, PACES, Measured, Measuring
from bench.pictures import jpegs
from bench.platform import Platform
from bench.processes import Part, Parts
from bench.raw import RawLoop
from bench.replica import replica
from bench.report import Row, p99

SIDE = 800, 600
DISTINCT = 60
PARTS = ("api", "postgres", "redis")
"""What a request costs CPU in: nothing of it reaches S3, Prefect or MLflow."""
READS = 200
STARTS = 3
SLOTS = (1, 2, 4)
"""How many pictures a replica computes at once; the raw loop does as many as there are cores."""
NAME = "this service"


class ServingBench:
    """Measures one platform.

    Args:
        platform: Where.
        requests: How many each row asks.
    """

    def __init__(self, platform: Platform, requests: int) -> None:
        self._platform = platform
        self._requests = requests
        self._raw = RawLoop()
        self.pictures = jpegs(DISTINCT, *SIDE, seed=2)
        self.measured: list[Measured] = []
        self.rows: list[Row] = []

    async def measure(self) -> list[Row]:
        """Measure everything; gives the rows of the table."""
        async with (
            Caller.signed_up(self._platform.url) as caller,
            self._analyzing(caller.token) as ask,
        ):
            await in_turn(ask, self.pictures, 2, 20)
            await self._beside_the_raw_loop(ask)
            await self._reads(caller, ask)
            await self._cold_start(caller.token)
            for slots in SLOTS:
                await self._with_slots(slots, caller.token)
        return self.rows

    def _analyzing(self, token: str, url: str = "") -> AbstractAsyncContextManager[Ask]:
        address = f"{url or self._platform.url}/api/v1/analyze"
        return sending_forms(address, {"Authorization": f"Bearer {token}"})

    async def _cold_start(self, token: str) -> None:
        """Start replicas one after the other, each to its first answer."""
        taken = []
        for _ in range(STARTS):
            async with replica(self._platform, token, self.pictures[0]) as started:
                taken.append(started.started_s)
        self._add(Row("cold start of a replica, to its first answer", median(taken), "s", 5, 2))

    async def _with_slots(self, slots: int, token: str) -> None:
        """Ask a replica that computes so many pictures at once."""
        settings = {"INFERENCE_SLOTS": str(slots)}
        async with (
            replica(self._platform, token, self.pictures[0], **settings) as started,
            self._analyzing(token, started.url) as ask,
        ):
            await in_turn(ask, self.pictures, 2, 20)
            said = f"{slots} slot{'s' if slots > 1 else ''}"
            measuring = Measuring(NAME, "onnx", said, started.processes, ask, self.pictures, self._raw)
            seen = await measuring.closed(max(CONNECTIONS), self._requests)
        note = f"{seen.per_s:.1f}/s of {seen.raw_per_s:.1f}/s raw, CPU {seen.cpu_ms:.0f} ms in the replica"
        self._add(Row(f"analyze with {said}, of the raw loop", seen.of_raw, "", note=note))

    async def _beside_the_raw_loop(self, ask: Ask) -> None:
        """Ask as fast as it goes, then at paces."""
        processes = Parts(*(Part(self._platform.home, name) for name in PARTS))
        measuring = Measuring(NAME, "onnx", "", processes, ask, self.pictures, self._raw)
        self.measured = await measuring.everything(self._requests)
        closed, paced = self.measured[: len(CONNECTIONS)], self.measured[len(CONNECTIONS) :]
        for connections, seen in zip(CONNECTIONS, closed, strict=True):
            must, goal = (0.75, 0.92) if connections > 1 else (None, None)
            rates = f"{seen.per_s:.1f}/s of {seen.raw_per_s:.1f}/s raw"
            note = f"{rates}, {seen.refused} refused, p50 {seen.p50_ms:.0f} ms"
            what = f"analyze over {seen.load}, of the raw loop"
            self._add(Row(what, seen.of_raw, "", must, goal, more_is_better=True, note=note))
        self._at_the_last(seen, connections)
        for pace, seen in zip(PACES, paced, strict=True):
            note = f"{closed[-1].per_s * pace:.1f}/s; {seen.refused} refused"
            self._add(Row(f"p50 at {seen.load}", seen.p50_ms, "ms", note=note))
            self._add(Row(f"p99 at {seen.load}", seen.p99_ms, "ms", note=note))

    def _at_the_last(self, seen: Measured, connections: int) -> None:
        note = f"{seen.cpu_ms:.1f} ms in {', '.join(PARTS)}; raw {seen.raw_cpu_ms:.1f} ms"
        what = "its CPU a request at the last, of raw"
        self._add(Row(what, seen.cpu_ms / seen.raw_cpu_ms, "x", 1.15, 1.05, note=note))
        share_ms = connections / seen.per_s * 1e3
        note = f"p99 {seen.p99_ms:.0f} ms, fair share {share_ms:.0f} ms"
        self._add(Row("its p99, of a fair share", seen.p99_ms / share_ms, "x", 1.4, 1.2, note=note))
        self._add(Row("raw loop after, of before", seen.raw_after / seen.raw_before, "x"))

    async def _reads(self, caller: Caller, ask: Ask) -> None:
        """Read lists alone, and again while every slot computes and others wait."""
        await caller.product("To be read")
        idle = await _reads_p99_ms(caller)
        saturating = asyncio.create_task(in_turn(ask, self.pictures, 8, 1_000_000))
        await asyncio.sleep(1)
        busy = await _reads_p99_ms(caller)
        saturating.cancel()
        with suppress(asyncio.CancelledError):
            await saturating
        note = f"{busy:.1f} ms, idle {idle:.1f} ms"
        self._add(Row("p99 of reads while slots are full, of idle", busy / idle, "x", 4, 2, note=note))

    def _add(self, row: Row) -> None:
        self.rows.append(row)
        print(f"{row.what}: {row.seen:.3g} {row.unit} {row.verdict} {row.note}", flush=True)  # noqa: T201


async def _reads_p99_ms(caller: Caller) -> float:
    latencies: list[float] = []
    for _ in range(READS):
        began = perf_counter()
        await caller.ask("GET", "/products")
        latencies.append((perf_counter() - began) * 1e3)
    return p99(latencies)
