"""``process-batch``: a run a batch, a task per chunk of its images."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from uuid import UUID

from prefect import flow, runtime, task
from prefect.artifacts import acreate_markdown_artifact, acreate_progress_artifact, aupdate_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger
from sqlalchemy import func, select, update

from flows.display import display
from flows.processing import process_image
from flows.stopping import finish, on_stop
from flows.workplace import Workplace, open_workplace
from imagineai_api.errors import Superseded, Unavailable
from imagineai_api.jobs import claims, endings, progress
from imagineai_api.jobs.claims import Claimed
from imagineai_api.settings import read_settings
from imagineai_api.tables import Job, JobImage

log = logging.getLogger(__name__)

CHUNK = 16
WAIT_S = 1.0
NOT_ENDED = "Asked to end before the batch: another run goes on with it."


@flow(name="process-batch", description="All images of one batch.", log_prints=False)
async def process_batch(job_id: UUID) -> str:
    """Process the images of a batch, all by one model version."""
    stop = asyncio.Event()
    async with open_workplace(read_settings()) as place:
        with on_stop(stop.set):
            begun = await _until_done(partial(_begin, place, job_id), stop)
            shown = await _show_progress(job_id)
            turn = partial(_take_chunk, place, job_id, shown, stop)
            if not (begun and await _until_done(turn, stop)):
                return NOT_ENDED
        summary = await _summary(place, job_id)
        async with display():
            await acreate_markdown_artifact(summary, key=f"batch-{job_id}-summary")
    return summary


@task(name="chunk", persist_result=False, cache_policy=NO_CACHE)
async def process_chunk(place: Workplace, chunk: list[Claimed]) -> list[str]:
    """Process some images at once; what cannot be done now goes back to the queue."""
    return await asyncio.gather(*(_process(place, work) for work in chunk))


async def _until_done(turn: Callable[[], Awaitable[bool]], stop: asyncio.Event) -> bool:
    """Take turns until one says that all is done, over every absence of a part; False when stopped before."""
    while not stop.is_set():
        try:
            if await turn():
                return True
        except Unavailable as error:
            log.warning("The batch waits: %s", error)
            await asyncio.sleep(WAIT_S)
    return False


async def _take_chunk(place: Workplace, job_id: UUID, shown: UUID | None, stop: asyncio.Event) -> bool:
    """Process what can be claimed; say whether the batch has ended."""
    if await _ended(place, job_id):
        return True
    chunk = await _claim(place, job_id)
    if not chunk:
        await asyncio.sleep(WAIT_S)
        return False
    await finish(process_chunk.with_options(name=f"{len(chunk)} images")(place, chunk), stop)
    if shown is not None:
        async with display():
            await aupdate_progress_artifact(shown, await _percent(place, job_id))
    return False


async def _process(place: Workplace, work: Claimed) -> str:
    try:
        return await process_image(place, work, None)
    except Superseded:
        return "cancelled, deleted or taken over"
    except Unavailable as error:
        await claims.hand_back_in_time(place.database, work)
        return f"waits: {error}"
    except asyncio.CancelledError:
        await claims.hand_back_in_time(place.database, work)
        raise


async def _show_progress(job_id: UUID) -> UUID | None:
    async with display():
        return await acreate_progress_artifact(0.0, key=f"batch-{job_id}", description="Images done")
    return None


async def _begin(place: Workplace, job_id: UUID) -> bool:
    """Note the run and fix the model version that serves the whole batch."""
    version = await place.inference.serving()
    values = {"model_version": func.coalesce(Job.model_version, version), "flow_run_id": runtime.flow_run.id}
    begun = update(Job).where(Job.id == job_id, Job.status.in_(endings.OPEN)).values(**values)
    async with place.database.transaction() as connection:
        request_id = await connection.scalar(begun.returning(Job.request_id))
    get_run_logger().info("Job %s of request %s", job_id, request_id)
    return True


async def _claim(place: Workplace, job_id: UUID) -> list[Claimed]:
    settings = place.settings
    await progress.fail_exhausted(
        place.database, place.redis, queue="batch", max_attempts=settings.max_attempts
    )
    return await claims.claim(
        place.database,
        queue="batch",
        limit=min(CHUNK, settings.shift_concurrency),
        lease_s=settings.lease_s,
        max_attempts=settings.max_attempts,
        job_id=job_id,
    )


async def _ended(place: Workplace, job_id: UUID) -> bool:
    async with place.database.reading() as connection:
        status = await connection.scalar(select(Job.status).where(Job.id == job_id))
    return status not in endings.OPEN


async def _percent(place: Workplace, job_id: UUID) -> float:
    done = func.count().filter(JobImage.status.in_(("completed", "failed")))
    async with place.database.reading() as connection:
        share = await connection.scalar(select(done * 100.0 / func.count()).where(JobImage.job_id == job_id))
    return float(share or 0)


async def _summary(place: Workplace, job_id: UUID) -> str:
    by_status = select(JobImage.status, JobImage.error_message, func.count()).where(JobImage.job_id == job_id)
    grouped = by_status.group_by(JobImage.status, JobImage.error_message).order_by(JobImage.status)
    async with place.database.reading() as connection:
        rows = (await connection.execute(grouped)).all()
    lines = [f"| {status} | {count} | {error or ''} |" for status, error, count in rows]
    return "\n".join(["| images | count | reason |", "|---|---|---|", *lines])
