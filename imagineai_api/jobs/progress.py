"""What a worker writes on an image it holds: fenced changes, each with its events in order."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api import events
from imagineai_api.database import Database, interval
from imagineai_api.errors import ImagineAIError, Superseded, Unavailable
from imagineai_api.events import Event
from imagineai_api.jobs import claims, endings
from imagineai_api.jobs.claims import Claimed
from imagineai_api.redis_link import RedisLink
from imagineai_api.tables import STEPS, Analysis, Job, JobImage, JobStep


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
        """End the image; progress that is told afterwards counts it."""
        work = self.work
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


async def fail_exhausted(database: Database, redis: RedisLink, *, queue: str, max_attempts: int) -> int:
    """End the images whose last attempt lapsed: whatever they do to their process, they fail alone."""
    lapsed = await claims.exhausted(database, queue=queue, max_attempts=max_attempts)
    for work in lapsed:
        with suppress(Superseded):
            async with change(database, redis, work, lease_s=0) as changed:
                await fail(changed, f"Processing stopped {max_attempts} times without an answer.")
    return len(lapsed)


@asynccontextmanager
async def change(
    database: Database, redis: RedisLink, work: Claimed, *, lease_s: float
) -> AsyncIterator[Change]:
    """Open a transaction that holds only while the job is open and the lease is ours; extends the lease.

    Raises:
        Superseded: The job was cancelled or deleted, or another worker holds the image now.
    """
    async with database.transaction() as connection:
        seq, reached = await _lock(connection, work)
        held = update(JobImage).where(*claims.held(work)).values(lease_until=func.now() + interval(lease_s))
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
    await changed.connection.execute(
        update(Analysis)
        .where(Analysis.product_image_id == changed.work.image_id)
        .values(status="failed", error_message=sentence, updated_at=func.now())
    )
    await changed.settle("failed", sentence)
    if step is not None:
        await changed.end(step)
    await endings.skip_open_steps(changed.connection, changed.work.job_id, changed.work.image_id)


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
