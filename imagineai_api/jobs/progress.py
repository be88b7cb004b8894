"""What a worker writes: claims by lease, and fenced changes with their events in order."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from redis.asyncio import Redis
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api import events
from imagineai_api.database import Database
from imagineai_api.errors import ImagineAIError, Superseded, Unavailable
from imagineai_api.events import Event
from imagineai_api.jobs import endings
from imagineai_api.tables import STEPS, Analysis, Job, JobImage, JobStep

CLAIM = text("""
WITH open AS (
    SELECT job_id, image_id FROM job_images
    WHERE queue = :queue AND attempts < :max_attempts
      AND (status = 'queued' OR (status = 'processing' AND lease_until < now()))
      AND (CAST(:job_id AS uuid) IS NULL OR job_id = :job_id)
    ORDER BY queued_at, position
    LIMIT :limit FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE job_images SET status = 'processing', attempts = attempts + 1,
        lease_until = now() + make_interval(secs => :lease_s), lease_token = nextval('lease_tokens')
    FROM open WHERE job_images.job_id = open.job_id AND job_images.image_id = open.image_id
    RETURNING job_images.*
)
SELECT claimed.job_id, claimed.image_id, claimed.lease_token, claimed.attempts,
       jobs.job_type, jobs.total_images, jobs.request_id, jobs.model_version,
       product_images.s3_key, product_images.etag, products.title AS product_title
FROM claimed JOIN jobs ON jobs.id = claimed.job_id
LEFT JOIN product_images ON product_images.id = claimed.image_id
LEFT JOIN products ON products.id = product_images.product_id
ORDER BY claimed.queued_at, claimed.position
""")

EXHAUSTED = text("""
SELECT job_id, image_id, lease_token FROM job_images
WHERE queue = :queue AND attempts >= :max_attempts AND status = 'processing' AND lease_until < now()
LIMIT 100
""")


@dataclass(frozen=True)
class Claimed:
    """An image that this worker holds until its lease lapses; the token fences what it writes later."""

    job_id: UUID
    image_id: UUID
    lease_token: int
    attempts: int
    job_type: str
    total_images: int
    request_id: str | None
    model_version: str | None
    s3_key: str | None
    etag: str | None
    product_title: str | None


def is_fault(error: ImagineAIError) -> bool:
    """Tell a fault of the image or of its step from a part that is away for a moment."""
    return not isinstance(error, Superseded | Unavailable)


@dataclass(frozen=True)
class StepEnd:
    """How a step ended: its measured duration, and what it found or why it failed."""

    name: str
    status: str
    duration_ms: float
    data: dict[str, Any] = field(default_factory=dict)
    error: str | None = None


class Change:
    """One fenced transaction on a claimed image; its events are published after the commit."""

    def __init__(self, connection: AsyncConnection, work: Claimed, seq: int, reached: int) -> None:
        self.connection = connection
        self.work = work
        self.events: list[Event] = []
        self._seq = seq
        self._reached = reached

    async def start(self, step: str) -> None:
        """Mark a step as running."""
        await self._write(step, "running", started_at=func.clock_timestamp(), data=None)

    async def end(self, end: StepEnd) -> None:
        """Mark a step as ended."""
        await self._write(
            end.name,
            end.status,
            completed_at=func.clock_timestamp(),
            duration_ms=round(end.duration_ms),
            error_message=end.error,
            result_data=end.data,
            data={**end.data, "error": end.error} if end.error else end.data,
        )

    async def settle(self, status: str, error: str | None = None) -> None:
        """End the image, and the job where it was the last."""
        work = self.work
        await endings.skip_open_steps(self.connection, work.job_id, work.image_id)
        await self.connection.execute(
            update(JobImage)
            .where(JobImage.job_id == work.job_id, JobImage.image_id == work.image_id)
            .values(status=status, error_message=error, lease_until=None)
        )

    async def finish(self) -> None:
        """Store the number of the newest event; end the job where nothing is open."""
        await self.connection.execute(
            update(Job).where(Job.id == self.work.job_id).values(event_seq=self._seq)
        )
        if last := await endings.settle(self.connection, self.work.job_id):
            self.events.append(last)

    async def _write(self, step: str, status: str, *, data: dict[str, Any] | None, **values: Any) -> None:
        self._seq += 1
        work, completed = self.work, await self._completed(step, status)
        await self.connection.execute(
            update(JobStep)
            .where(
                JobStep.job_id == work.job_id,
                JobStep.product_image_id == work.image_id,
                JobStep.step_name == step,
            )
            .values(status=status, seq=self._seq, progress_completed=completed, **values)
        )
        single = work.job_type == "single"
        self.events.append(
            Event(
                type="step_update",
                job_id=work.job_id,
                seq=self._seq,
                image_id=work.image_id,
                step=step,
                status=status,
                progress=(completed, len(STEPS) if single else work.total_images),
                data=data,
                timestamp=datetime.now(UTC),
            )
        )

    async def _completed(self, step: str, status: str) -> int:
        if self.work.job_type == "single":
            # A second attempt begins again, but the progress that was told never falls.
            self._reached = max(self._reached, STEPS.index(step) + (status == "completed"))
            return self._reached
        done = select(func.count()).where(
            JobImage.job_id == self.work.job_id, JobImage.status.in_(("completed", "failed"))
        )
        return await self.connection.scalar(done) or 0


async def claim(
    database: Database,
    *,
    queue: str,
    limit: int,
    lease_s: float,
    max_attempts: int,
    job_id: UUID | None = None,
) -> list[Claimed]:
    """Take up to ``limit`` waiting or lapsed images, oldest first; two workers never get the same one."""
    values = {
        "queue": queue,
        "limit": limit,
        "lease_s": lease_s,
        "max_attempts": max_attempts,
        "job_id": job_id,
    }
    async with database.transaction() as connection:
        rows = (await connection.execute(CLAIM, values)).mappings().all()
    return [Claimed(**row) for row in rows]


async def extend(connection: AsyncConnection, held: Sequence[Claimed], lease_s: float) -> None:
    """Keep the leases of images that are still being worked on; one that was lost stays lost."""
    until = func.now() + func.make_interval(0, 0, 0, 0, 0, 0, lease_s)
    for work in held:
        await connection.execute(update(JobImage).where(*_held(work)).values(lease_until=until))


async def hand_back(database: Database, work: Claimed) -> None:
    """Put a claimed image back unharmed: this attempt does not count, and no step stays running."""
    async with database.transaction() as connection:
        back = (
            update(JobImage)
            .where(*_held(work))
            .values(status="queued", lease_until=None, attempts=func.greatest(JobImage.attempts - 1, 0))
        )
        if (await connection.execute(back)).rowcount:
            await connection.execute(
                update(JobStep)
                .where(
                    JobStep.job_id == work.job_id,
                    JobStep.product_image_id == work.image_id,
                    JobStep.status == "running",
                )
                .values(status="pending", started_at=None)
            )


async def fail_exhausted(database: Database, redis: Redis, *, queue: str, max_attempts: int) -> int:
    """End the images whose last attempt lapsed: whatever they do to their process, they fail alone."""
    async with database.reading() as connection:
        rows = (await connection.execute(EXHAUSTED, {"queue": queue, "max_attempts": max_attempts})).all()
    for job_id, image_id, lease_token in rows:
        work = await _exhausted(database, job_id, image_id, lease_token)
        sentence = f"Processing stopped {max_attempts} times without an answer."
        async with change(database, redis, work, lease_s=0) as changed:
            await fail(changed, sentence)
    return len(rows)


@asynccontextmanager
async def change(database: Database, redis: Redis, work: Claimed, *, lease_s: float) -> AsyncIterator[Change]:
    """Open a transaction that holds only while the job is open and the lease is ours; extends the lease.

    Raises:
        Superseded: The job was cancelled or deleted, or another worker holds the image now.
    """
    async with database.transaction() as connection:
        seq, reached = await _lock(connection, work)
        held = (
            update(JobImage)
            .where(*_held(work))
            .values(lease_until=func.now() + func.make_interval(0, 0, 0, 0, 0, 0, lease_s))
        )
        if (await connection.execute(held)).rowcount == 0:
            raise Superseded
        changed = Change(connection, work, seq, reached)
        yield changed
        await changed.finish()
    await events.publish(redis, changed.events)


async def began(changed: Change, flow_run_id: str | None) -> None:
    """Note that work has started: on the job, with the run that does it, and on the analysis."""
    work = changed.work
    values = {"status": "processing", "started_at": func.coalesce(Job.started_at, func.now())}
    await changed.connection.execute(
        update(Job)
        .where(Job.id == work.job_id)
        .values(**values, flow_run_id=flow_run_id or Job.flow_run_id, updated_at=func.now())
    )
    await changed.connection.execute(
        update(Analysis)
        .where(Analysis.product_image_id == work.image_id)
        .values(status="processing", updated_at=func.now())
    )


async def fail(changed: Change, sentence: str, step: StepEnd | None = None) -> None:
    """End an image as failed, with the reason in words."""
    if step is not None:
        await changed.end(step)
    await changed.connection.execute(
        update(Analysis)
        .where(Analysis.product_image_id == changed.work.image_id)
        .values(status="failed", error_message=sentence, updated_at=func.now())
    )
    await changed.settle("failed", sentence)


async def _lock(connection: AsyncConnection, work: Claimed) -> tuple[int, int]:
    """Hold an open job; give the number of its newest event and the progress told so far."""
    told = select(func.coalesce(func.max(JobStep.progress_completed), 0)).where(JobStep.job_id == work.job_id)
    open_job = select(Job.event_seq, told.scalar_subquery()).where(
        Job.id == work.job_id, Job.status.in_(endings.OPEN)
    )
    row = (await connection.execute(open_job.with_for_update(of=Job.__table__))).one_or_none()
    if row is None:
        raise Superseded
    return row[0], row[1]


async def _exhausted(database: Database, job_id: UUID, image_id: UUID, lease_token: int) -> Claimed:
    async with database.reading() as connection:
        job = (await connection.execute(select(Job.job_type, Job.total_images).where(Job.id == job_id))).one()
    return Claimed(
        job_id, image_id, lease_token, 0, job.job_type, job.total_images, None, None, None, None, None
    )


def _held(work: Claimed) -> Sequence[Any]:
    return (
        JobImage.job_id == work.job_id,
        JobImage.image_id == work.image_id,
        JobImage.lease_token == work.lease_token,
        JobImage.status == "processing",
    )
