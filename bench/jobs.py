"""The table of the jobs: latency, throughput, cost, watchers, beside Prefect's own ways to run them."""

import asyncio
import tempfile
from pathlib import Path

from bench import batches, naive, singles, watchers
from bench.caller import Caller
from bench.pictures import jpegs
from bench.platform import Platform
from bench.processes import Part
from bench.raw import RawLoop
from bench.report import Row

SMALL, LARGE = (400, 300), (1600, 1200)
DISTINCT = 60
WATCHED_JOBS = 5


class JobsBench:
    """Measures one platform; sizes are counts of pictures.

    Args:
        platform: Where.
        batch: Pictures of the batch.
        single: Pictures uploaded one by one.
        memory: Images over which memory is watched; 0 leaves it out.
    """

    def __init__(self, platform: Platform, *, batch: int, single: int, memory: int) -> None:
        self._platform = platform
        self._batch = batch
        self._single = single
        self._memory = memory
        self._small = jpegs(DISTINCT, *SMALL)
        self._large = jpegs(DISTINCT, *LARGE, seed=1)
        self._raw = RawLoop()
        self.rows: list[Row] = []

    async def measure(self) -> list[Row]:
        """Measure everything; gives the rows of the table."""
        async with Caller.signed_up(self._platform.url) as caller:
            await singles.one_by_one(caller, self._small, 3)
            idle_ms = await self._idle(caller)
            await self._many(caller)
            await self._in_batches(caller, idle_ms)
            await self._watched(caller)
        await self._naive()
        return self.rows

    async def _idle(self, caller: Caller) -> float:
        seen = await singles.one_by_one(caller, self._small, self._single)
        raw_ms = self._raw.latency_s(self._small[0]) * 1e3
        self._add(Row("upload answered -> first event, p50", seen.first_p50, "ms", 50, 10))
        self._add(Row("upload answered -> first event, p99", seen.first_p99, "ms", 200, 50))
        bare = f"bare decode and network: {raw_ms:.0f} ms"
        self._add(Row("upload answered -> job_complete, p50", seen.end_p50, "ms", 200, 80, note=bare))
        return seen.end_p50

    async def _many(self, caller: Caller) -> None:
        prefect, count = self._part("prefect"), self._single * 8
        cpu_s = prefect.cpu_s()
        rate = await singles.pictures_per_s(caller, self._small, count)
        cost_ms = (prefect.cpu_s() - cpu_s) / count * 1e3
        self._add(Row("single jobs, sustained", rate, "/s", 20, 45, more_is_better=True))
        self._add(Row("Prefect server CPU, a single job", cost_ms, "ms", 5, 1))

    async def _in_batches(self, caller: Caller, idle_ms: float) -> None:
        product = await caller.product("Batched")
        uploads = await singles.sustained(caller, product, self._large, self._batch)
        image_ids = [uploaded.image_id for uploaded in uploads]
        before = self._raw.limit(self._large, DISTINCT * 2).per_s
        seen = await batches.run_batch(caller, self._part("prefect"), product, image_ids)
        after = self._raw.limit(self._large, DISTINCT * 2).per_s
        raw = (before + after) / 2
        note = f"{seen.pictures_per_s:.1f}/s of {raw:.1f}/s raw ({before:.1f} before, {after:.1f} after)"
        what = f"batch of {self._batch} at 1600x1200, of the raw loop"
        self._add(Row(what, seen.pictures_per_s / raw, "", 0.5, 0.75, more_is_better=True, note=note))
        self._add(Row("batch asked for -> its first event", seen.first_s, "s"))
        self._add(Row("Prefect server CPU, an image of a batch", seen.prefect_ms, "ms", 5, 1))
        await self._beside_a_batch(caller, product, image_ids, idle_ms)
        if self._memory:
            await self._over_many(caller, product, image_ids)
        stopped_s = await batches.cancelled_s(caller, self._platform.metrics_url, product, image_ids)
        self._add(Row("cancel -> nothing computes", stopped_s, "s", 2, 0.3))

    async def _beside_a_batch(
        self, caller: Caller, product: str, image_ids: list[str], idle_ms: float
    ) -> None:
        job_id = await caller.batch(product, image_ids)
        while (await caller.ask("GET", f"/batch/{job_id}"))["processed_images"] == 0:  # noqa: ASYNC110
            await asyncio.sleep(singles.LOOK_S)
        seen = await singles.one_by_one(caller, self._small, self._single // 2)
        running = (await caller.ask("GET", f"/batch/{job_id}"))["status"] == "processing"
        await caller.ask("DELETE", f"/batch/{job_id}") if running else None
        note = f"{seen.end_p50:.0f} ms" + ("" if running else "; the batch had ended before")
        self._add(Row("the same p50 beside a batch, of idle", seen.end_p50 / idle_ms, "x", 3, 1.5, note=note))

    async def _over_many(self, caller: Caller, product: str, image_ids: list[str]) -> None:
        parts = [self._part(name) for name in ("api", "interactive", "batch")]
        seen = await batches.memory_growth(caller, parts, product, image_ids, self._memory)
        note = f"API and workers, {seen[0]:.0f} MB, {seen[-1]:.0f} MB after {len(seen)} x {len(image_ids)}"
        grown = (seen[-1] / seen[0] - 1) * 100
        self._add(Row("memory, grown since the first batch", grown, "%", 5, note=note))

    async def _watched(self, caller: Caller) -> None:
        product = await caller.product("Waiting")
        waiting = await caller.upload(product, self._small[0])
        await caller.watch(waiting.job_id)
        async with watchers.stopped(self._part("batch")):
            job_id = await caller.batch(product, [waiting.image_id])
            async with watchers.idle_sockets(caller, job_id, waiting.job_id, 1000):
                pictures = self._small[:WATCHED_JOBS]
                shifts = self._part("interactive")
                seen = await watchers.watch_together(caller, shifts, pictures, 200, waiting.job_id)
        note = f"{WATCHED_JOBS} jobs, 200 sockets each, 1000 idle ones beside them"
        self._add(Row("events that a watcher lost", seen.lost, "", 0, note=note))
        self._add(Row("one watcher after the first, p99", seen.late_p99_ms, "ms", 300, note=note))

    async def _naive(self) -> None:
        prefect, about = self._part("prefect"), "steps of 3 ms stand for the work"
        with tempfile.TemporaryDirectory() as folder, naive.server_at(self._platform.env["PREFECT_API_URL"]):
            ways = (
                ("a run a picture, warm", await naive.in_a_warm_process(prefect, 20)),
                ("a run a picture, process pool", await naive.by_a_process_pool(prefect, Path(folder), 4)),
            )
        for way, cost in ways:
            self._add(Row(f"{way}: asked -> first step, p50", cost.first_ms, "ms", note=about))
            self._add(Row(f"{way}: jobs", cost.jobs_per_s, "/s", note=about))
            self._add(Row(f"{way}: Prefect server CPU a job", cost.prefect_ms, "ms", note=about))

    def _part(self, name: str) -> Part:
        return Part(self._platform.home, name)

    def _add(self, row: Row) -> None:
        self.rows.append(row)
        print(f"{row.what}: {row.seen:.3g} {row.unit} {row.verdict} {row.note}", flush=True)  # noqa: T201
