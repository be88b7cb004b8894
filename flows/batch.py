"""``process-batch``: a run a batch, a task per chunk of its images."""

import asyncio
import time
from functools import partial
from uuid import UUID

from prefect import flow, runtime, task
from prefect.artifacts import acreate_progress_artifact, aupdate_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger
from sqlalchemy import func, select, update

from flows.batch_summary import show_summary
from flows.chunk import Chunk, has_ended
from flows.display import display
from flows.outlasting import WAIT_S, until_done
from flows.stopping import finish, on_stop
from flows.workplace import Workplace, open_workplace
from imagineai_api.jobs import claims, endings, progress
from imagineai_api.jobs.claims import Claimed
from imagineai_api.settings import read_settings
from imagineai_api.tables import Job, JobImage

CHUNK = 50
GATHERS_S = 0.15
"""Watchers of a batch are told what happened in the last moment, all at once: it costs a fraction."""
PATIENCE_S = 60
"""So long a batch that cannot begin keeps its place: what it waits for may need that place itself."""
NOT_ENDED = "It ends before the batch: another run goes on with it."


@flow(name="process-batch", description="All images of one batch.", log_prints=False)
async def process_batch(job_id: UUID) -> str:
    """Process the images of a batch, all by one model version."""
    stop, began = asyncio.Event(), time.monotonic()
    async with open_workplace(read_settings(), gathers_s=GATHERS_S) as place:
        with on_stop(stop.set):
            if not await _has_begun(place, job_id, stop):
                return NOT_ENDED
            shown = await _show_progress(job_id)
            if not await until_done(partial(_take_chunk, place, job_id, shown, stop), stop):
                return NOT_ENDED
        return await show_summary(place, job_id, time.monotonic() - began)


@task(name="chunk", persist_result=False, cache_policy=NO_CACHE)
async def process_chunk(place: Workplace, job_id: UUID, works: list[Claimed], stop: asyncio.Event) -> str:
    """Process some images, a few at once; what cannot be done now goes back to the queue."""
    return await Chunk(place, job_id, works, stop).process()


async def _take_chunk(place: Workplace, job_id: UUID, shown: UUID | None, stop: asyncio.Event) -> bool:
    """Process what can be claimed; say whether the batch has ended."""
    if await has_ended(place, job_id):
        return True
    works = await _claim(place, job_id)
    if not works:
        await asyncio.sleep(WAIT_S)
        return False
    named = process_chunk.with_options(name=f"{len(works)} images")
    await finish(named(place, job_id, works, stop), stop)
    if shown is not None:
        async with display():
            await aupdate_progress_artifact(shown, await _percent(place, job_id))
    return False


async def _show_progress(job_id: UUID) -> UUID | None:
    async with display():
        return await acreate_progress_artifact(0.0, key=f"batch-{job_id}", description="Images done")
    return None


async def _has_begun(place: Workplace, job_id: UUID, stop: asyncio.Event) -> bool:
    """Begin; False where it is stopped before, or a part is away for long, or there is no model for long."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await until_done(partial(_begin, place, job_id), stop)
    except TimeoutError:
        return False


async def _begin(place: Workplace, job_id: UUID) -> bool:
    """Note the run and fix the model version that serves the whole batch, unless it has ended."""
    if await has_ended(place, job_id):
        return True
    version = await place.inference.serving()
    values = {"model_version": func.coalesce(Job.model_version, version), "flow_run_id": runtime.flow_run.id}
    begun = update(Job).where(Job.id == job_id, Job.status.in_(endings.OPEN)).values(**values)
    async with place.database.transaction() as connection:
        request_id = await connection.scalar(begun.returning(Job.request_id))
    get_run_logger().info("Job %s of request %s", job_id, request_id)
    return True


async def _claim(place: Workplace, job_id: UUID) -> list[Claimed]:
    """Take images in stock: fresh ones first, then those at which a worker has ended."""
    settings = place.settings
    await progress.fail_exhausted(
        place.database, place.redis, queue="batch", max_attempts=settings.max_attempts
    )
    take = partial(
        claims.claim,
        place.database,
        queue="batch",
        limit=CHUNK,
        lease_s=settings.lease_s,
        max_attempts=settings.max_attempts,
        job_id=job_id,
        counted=False,
    )
    return await take() or await take(suspects=True)


async def _percent(place: Workplace, job_id: UUID) -> float:
    done = func.count().filter(JobImage.status.in_(("completed", "failed")))
    async with place.database.reading() as connection:
        share = await connection.scalar(select(done * 100.0 / func.count()).where(JobImage.job_id == job_id))
    return float(share or 0)
