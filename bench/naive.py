"""The ways to run a job that Prefect offers by itself, on the same platform: what a run a picture costs.

Each job has five steps of ``STEP_S``, which stand for the work; ours do the whole work.
"""

import asyncio
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from uuid import uuid4

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.settings import PREFECT_API_URL, temporary_settings

from bench.processes import Part

STEP_S = 0.003
STEPS = 5
AT_ONCE = 4
POOL = "naive"
LOOK_S = 0.05


@dataclass(frozen=True)
class Cost:
    """What one way costs.

    Attributes:
        first_ms: From asking to the first step, median.
        jobs_per_s: Several at once.
        prefect_ms: CPU of Prefect's server for each job.
    """

    first_ms: float
    jobs_per_s: float
    prefect_ms: float


@contextmanager
def server_at(url: str) -> Iterator[None]:
    """Use this Prefect server for the block; Prefect has read the environment when it was imported."""
    os.environ["PREFECT_API_URL"] = url
    logging.getLogger("prefect").setLevel(logging.WARNING)
    with temporary_settings({PREFECT_API_URL: url}):
        yield


@task(persist_result=False, cache_policy=NO_CACHE)
async def step() -> float:
    """Stand for a step; gives when it began (``time.time``)."""
    began = time.time()
    await asyncio.sleep(STEP_S)
    return began


@flow(name="naive-picture", log_prints=False)
async def a_run_a_picture(marks: str | None = None) -> float:
    """Run a task a step; gives when the first began, and writes it to a file where one is named."""
    first, *_ = [await step() for _ in range(STEPS)]
    if marks is not None:
        Path(marks).write_text(str(first))  # noqa: ASYNC240 - nothing else runs in this process
    return first


async def in_a_warm_process(prefect: Part, jobs: int) -> Cost:
    """Run a flow run a picture in this process."""
    await a_run_a_picture()
    cpu_s, first = prefect.cpu_s(), []
    for _ in range(jobs // 2):
        asked = time.time()
        first.append((await a_run_a_picture() - asked) * 1e3)
    began, turn = time.perf_counter(), asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        async with turn:
            await a_run_a_picture()

    await asyncio.gather(*(one() for _ in range(jobs)))
    taken_s = time.perf_counter() - began
    return Cost(median(first), jobs / taken_s, (prefect.cpu_s() - cpu_s) / (jobs + jobs // 2) * 1e3)


async def by_a_process_pool(prefect: Part, folder: Path, jobs: int) -> Cost:
    """Run a flow run a picture by Prefect's own worker, which starts a process for each."""
    await _deploy()
    worker = subprocess.Popen(  # noqa: ASYNC220 - it is waited for at the end
        [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--limit", str(AT_ONCE)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    try:
        await _start_and_wait(folder)
        cpu_s, first = prefect.cpu_s(), []
        for _ in range(jobs):
            asked = time.time()
            first.append((await _start_and_wait(folder) - asked) * 1e3)
        prefect_ms = (prefect.cpu_s() - cpu_s) / jobs * 1e3
        began = time.perf_counter()
        await asyncio.gather(*(_start_and_wait(folder) for _ in range(jobs)))
        return Cost(median(first), jobs / (time.perf_counter() - began), prefect_ms)
    finally:
        worker.terminate()
        worker.wait()


async def _deploy() -> None:
    async with get_client() as client:
        await client.create_work_pool(WorkPoolCreate(name=POOL, type="process"), overwrite=True)
        await client.create_deployment(
            flow_id=await client.create_flow_from_name(a_run_a_picture.name),
            name=POOL,
            work_pool_name=POOL,
            entrypoint="bench.naive.a_run_a_picture",
            pull_steps=[{"prefect.deployments.steps.set_working_directory": {"directory": str(Path.cwd())}}],
        )


async def _start_and_wait(folder: Path) -> float:
    """Start a run and wait for its mark; gives when its first step began."""
    mark = folder / str(uuid4())
    async with get_client() as client:
        deployment = await client.read_deployment_by_name(f"{a_run_a_picture.name}/{POOL}")
        await client.create_flow_run_from_deployment(deployment.id, parameters={"marks": str(mark)})
    while not (mark.exists() and (written := mark.read_text())):  # noqa: ASYNC110
        await asyncio.sleep(LOOK_S)
    return float(written)
