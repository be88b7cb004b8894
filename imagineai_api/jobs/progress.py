"""What workers write on the images they hold: many at once, fenced, each with its events in order."""

import json
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api import events
from imagineai_api.database import Database
from imagineai_api.events import Event
from imagineai_api.jobs import claims, endings
from imagineai_api.jobs.changes import Change
from imagineai_api.jobs.telling import Clock, JobStory
from imagineai_api.redis_link import RedisLink
from imagineai_api.tables import Analysis

LOCK = text("""
SELECT id FROM jobs WHERE id = ANY(:ids) AND status IN ('queued', 'processing')
ORDER BY id FOR NO KEY UPDATE
""")

# Apart from the lock: whoever waited for it must not read what was before the wait.
READ = text("""
SELECT id, job_type, total_images, event_seq, clock_timestamp() AS now,
       CASE job_type
           WHEN 'single' THEN (SELECT max(progress_completed) FROM job_steps WHERE job_id = jobs.id)
           ELSE (SELECT count(*) FROM job_images
                 WHERE job_id = jobs.id AND status IN ('completed', 'failed'))
       END AS reached
FROM jobs WHERE id = ANY(:ids)
""")

HOLD = text("""
UPDATE job_images
SET status = held.status, error_message = held.error,
    attempts = greatest(attempts, held.begun),
    lease_until = CASE WHEN held.status = 'processing' THEN now() + make_interval(secs => :lease_s) END
FROM jsonb_to_recordset(CAST(:held AS jsonb))
    AS held(job_id uuid, image_id uuid, lease_token bigint, begun int, status text, error text)
WHERE job_images.job_id = held.job_id AND job_images.image_id = held.image_id
  AND job_images.lease_token = held.lease_token AND job_images.status = 'processing'
RETURNING job_images.lease_token
""")

# Each writing measures the database's clock anew, some milliseconds from the last: no end before its start.
STEPS = text("""
UPDATE job_steps
SET status = said.status, seq = said.seq, progress_completed = said.progress,
    started_at = coalesce(said.started_at, job_steps.started_at),
    completed_at = CASE WHEN said.completed_at IS NOT NULL
        THEN greatest(said.completed_at, said.started_at, job_steps.started_at) END,
    duration_ms = said.duration_ms, error_message = said.error, result_data = coalesce(said.data, '{}')
FROM jsonb_to_recordset(CAST(:rows AS jsonb))
    AS said(job_id uuid, image_id uuid, step text, status text, seq bigint, progress int,
            started_at timestamptz, completed_at timestamptz, duration_ms int, error text, data jsonb)
WHERE job_steps.job_id = said.job_id AND product_image_id = said.image_id AND step_name = said.step
""")

JOBS = text("""
UPDATE jobs
SET status = 'processing', event_seq = worked.seq, updated_at = clock_timestamp(),
    started_at = coalesce(started_at, clock_timestamp()),
    flow_run_id = coalesce(worked.flow_run_id, jobs.flow_run_id)
FROM jsonb_to_recordset(CAST(:jobs AS jsonb)) AS worked(id uuid, seq bigint, flow_run_id text)
WHERE jobs.id = worked.id
""")


@dataclass(frozen=True)
class Writing:
    """An open transaction, and the changes that it writes; the others are superseded."""

    connection: AsyncConnection
    held: list[Change]


@asynccontextmanager
async def writing(
    database: Database, redis: RedisLink, changes: Sequence[Change], *, lease_s: float
) -> AsyncIterator[Writing]:
    """Write what images did in one transaction; extends the leases of those that go on.

    A change is held only while its job is open and the lease is this worker's. What belongs to it is
    written in the block, before the jobs are settled; events are published after the commit.
    """
    async with database.transaction() as connection:
        stories = await _lock(connection, {change.work.job_id for change in changes})
        candidates = [change for change in changes if change.work.job_id in stories]
        held = await _hold(connection, candidates, lease_s)
        await _begin_and_fail_analyses(connection, held)
        yield Writing(connection, held)
        told = await _tell(connection, stories, held)
    await events.publish(redis, told)


async def fail_exhausted(database: Database, redis: RedisLink, *, queue: str, max_attempts: int) -> int:
    """End the images whose last attempt lapsed: whatever they do to their process, they fail alone."""
    lapsed = await claims.exhausted(database, queue=queue, max_attempts=max_attempts)
    if not lapsed:
        return 0
    reason = f"Processing stopped {max_attempts} times without an answer."
    changes = [Change(work, ended="failed", error=reason) for work in lapsed]
    async with writing(database, redis, changes, lease_s=0) as written:
        return len(written.held)


async def _lock(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, JobStory]:
    """Hold the jobs that are open, in one order for everybody."""
    opened = (await connection.scalars(LOCK, {"ids": list(ids)})).all()
    rows = (await connection.execute(READ, {"ids": list(opened)})).all()
    return {
        row.id: JobStory(
            row.id,
            row.job_type,
            row.total_images,
            row.event_seq,
            row.reached or 0,
            Clock(row.now, time.monotonic()),
        )
        for row in rows
    }


async def _hold(connection: AsyncConnection, changes: list[Change], lease_s: float) -> list[Change]:
    rows = [
        {
            "job_id": str(change.work.job_id),
            "image_id": str(change.work.image_id),
            "lease_token": change.work.lease_token,
            "begun": change.work.attempt if change.begins else 0,
            "status": change.ended or "processing",
            "error": change.error,
        }
        for change in changes
    ]
    # By the token alone: a worker may hold one image twice, before its lease lapsed and again after.
    held = set((await connection.scalars(HOLD, {"held": json.dumps(rows), "lease_s": lease_s})).all())
    return [change for change in changes if change.work.lease_token in held]


async def _begin_and_fail_analyses(connection: AsyncConnection, held: list[Change]) -> None:
    going_on = [change.work.image_id for change in held if change.ended is None]
    if going_on:
        begun = update(Analysis).where(Analysis.product_image_id.in_(going_on))
        idle = begun.where(Analysis.status != "processing")
        await connection.execute(idle.values(status="processing", updated_at=func.now()))
    for change in held:
        if change.ended == "failed":
            failed = update(Analysis).where(Analysis.product_image_id == change.work.image_id)
            values = {"status": "failed", "error_message": change.error, "updated_at": func.now()}
            await connection.execute(failed.values(**values))


async def _tell(
    connection: AsyncConnection, stories: dict[UUID, JobStory], held: list[Change]
) -> list[Event]:
    """Write steps and jobs, settle the jobs whose last image has ended; gives every event in order."""
    for change in held:
        stories[change.work.job_id].add(change)
    rows = [row for story in stories.values() for row in story.rows]
    if rows:
        await connection.execute(STEPS, {"rows": json.dumps(rows)})
    runs = {change.work.job_id: change.flow_run_id for change in held}
    jobs = [{"id": str(job), "seq": stories[job].seq, "flow_run_id": run} for job, run in runs.items()]
    await connection.execute(JOBS, {"jobs": json.dumps(jobs)})
    for change in held:
        if change.ended == "failed":
            await endings.skip_open_steps(connection, change.work.job_id, change.work.image_id)
    ended = {change.work.job_id for change in held if change.ended is not None}
    last = await endings.settle(connection, ended)
    return [event for story in stories.values() for event in story.events] + last
