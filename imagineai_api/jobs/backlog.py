"""The queue as Prometheus sees it: what waits, since when, and how jobs ended."""

from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api import metrics
from imagineai_api.database import Database, interval
from imagineai_api.jobs.endings import ENDED, OPEN
from imagineai_api.tables import JOB_TYPES, Job, JobImage, Outbox, Shift

SETTLED_AFTER_S = 5
"""A job counts as ended so long after its end: by then the transaction that ended it is committed."""


class Backlog:
    """Reads the queue at each scrape; jobs that ended are counted once, from this process's start on.

    Every replica reads the same queue: queries take ``max``, not ``sum``, over the replicas.
    """

    def __init__(self) -> None:
        self._counted_to: datetime | None = None
        for job_type in JOB_TYPES:
            for status in ENDED:
                metrics.jobs_ended.labels(job_type, status)

    async def read(self, database: Database) -> None:
        """Bring the metrics up to date.

        Raises:
            DatabaseAway: They keep their last values.
        """
        async with database.reading() as connection:
            await _read_queue(connection)
            await _read_outbox(connection)
            await self._count_ended(connection)

    async def _count_ended(self, connection: AsyncConnection) -> None:
        settled = await connection.scalar(select(func.now() - interval(SETTLED_AFTER_S)))
        since, self._counted_to = self._counted_to or settled, settled
        duration_s = func.extract("epoch", Job.completed_at - Job.created_at)
        ended = (
            select(Job.job_type, Job.status, func.count(), func.sum(duration_s))
            .where(Job.completed_at > since, Job.completed_at <= settled)
            .group_by(Job.job_type, Job.status)
        )
        for job_type, status, count, seconds in (await connection.execute(ended)).all():
            metrics.jobs_ended.labels(job_type, status).inc(count)
            metrics.jobs_ended_seconds.labels(job_type, status).inc(float(seconds))


async def _read_queue(connection: AsyncConnection) -> None:
    age_s = func.extract("epoch", func.now() - func.min(JobImage.queued_at))
    waiting = JobImage.status == "queued"
    rows = select(
        JobImage.queue,
        func.count().filter(waiting),
        func.count().filter(~waiting),
        func.coalesce(age_s, 0),
    ).where(JobImage.status.in_(OPEN))
    found = {row[0]: row[1:] for row in (await connection.execute(rows.group_by(JobImage.queue))).all()}
    for queue in JOB_TYPES:
        queued, processing, oldest_s = found.get(queue, (0, 0, 0))
        metrics.queue_images.labels(queue, "queued").set(queued)
        metrics.queue_images.labels(queue, "processing").set(processing)
        metrics.queue_oldest_seconds.labels(queue).set(float(oldest_s))


async def _read_outbox(connection: AsyncConnection) -> None:
    late = or_(Outbox.due_at <= func.now(), Outbox.attempts > 0)
    waiting = select(func.count()).select_from(Outbox).where(Outbox.done_at.is_(None), late)
    metrics.outbox_waiting.set(await connection.scalar(waiting) or 0)
    is_open = Shift.opened_at.is_not(None) & Shift.closed_at.is_(None)
    metrics.shifts_open.set(
        await connection.scalar(select(func.count()).select_from(Shift).where(is_open)) or 0
    )
