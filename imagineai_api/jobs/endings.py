"""How a job ends: settled by its images, or cancelled; its last event; what the product becomes."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import case, exists, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api import dispatch
from imagineai_api.events import Event
from imagineai_api.tables import STEPS, Analysis, Job, JobImage, JobStep, Product
from imagineai_api.webhooks import announcing

OPEN = ("queued", "processing")
ENDED = ("completed", "failed", "cancelled")

SETTLED = text("""
SELECT job_id, CASE WHEN bool_or(status = 'completed') THEN 'completed' ELSE 'failed' END AS status,
       CASE WHEN NOT bool_or(status = 'completed')
            THEN (array_agg(error_message ORDER BY position) FILTER (WHERE status = 'failed'))[1]
       END AS error
FROM job_images WHERE job_id = ANY(:ids)
GROUP BY job_id HAVING NOT bool_or(status IN ('queued', 'processing'))
""")

END = text("""
UPDATE jobs
SET status = ended.status, error_message = ended.error, event_seq = event_seq + 1,
    completed_at = clock_timestamp(), updated_at = clock_timestamp()
FROM jsonb_to_recordset(CAST(:ended AS jsonb)) AS ended(id uuid, status text, error text)
WHERE jobs.id = ended.id
RETURNING jobs.id, user_id, product_id, flow_run_id, job_type, total_images,
          EXISTS (SELECT FROM webhooks WHERE webhooks.user_id = jobs.user_id AND active) AS has_webhooks,
          jobs.status = 'cancelled' AND job_type = 'batch' AND flow_run_id IS NOT NULL AS needs_cancel
""")


async def settle(connection: AsyncConnection, job_ids: Collection[UUID]) -> list[Event]:
    """End those of the jobs whose last image has ended; give their last events.

    The caller holds the jobs' row locks.
    """
    if not job_ids:
        return []
    rows = (await connection.execute(SETTLED, {"ids": list(job_ids)})).all()
    return await _end(connection, [_Ending(row.job_id, row.status, row.error) for row in rows])


async def cancel(connection: AsyncConnection, job_id: UUID, reason: str) -> Event:
    """Cancel an open job: no image stays open, no step running. The caller holds the job's row lock."""
    images = select(JobImage.image_id).where(JobImage.job_id == job_id, JobImage.status.in_(OPEN))
    await connection.execute(
        update(Analysis)
        .where(Analysis.product_image_id.in_(images), Analysis.status.in_(("pending", "processing")))
        .values(
            # Earlier findings stay good; a first run that never ended can be retried.
            status=case((Analysis.classification_label.is_not(None), "completed"), else_="failed"),
            error_message=case((Analysis.classification_label.is_not(None), None), else_=reason),
            updated_at=func.now(),
        )
    )
    await connection.execute(
        update(JobImage)
        .where(JobImage.job_id == job_id, JobImage.status.in_(OPEN))
        .values(status="cancelled", error_message=reason, lease_until=None)
    )
    await skip_open_steps(connection, job_id)
    (event,) = await _end(connection, [_Ending(job_id, "cancelled", reason)])
    return event


async def skip_open_steps(connection: AsyncConnection, job_id: UUID, image_id: UUID | None = None) -> None:
    """Mark what has not ended as skipped, for one image or for all."""
    open_steps = update(JobStep).where(JobStep.job_id == job_id, JobStep.status.in_(("pending", "running")))
    if image_id is not None:
        open_steps = open_steps.where(JobStep.product_image_id == image_id)
    ended = case((JobStep.started_at.is_not(None), func.now()), else_=None)
    await connection.execute(open_steps.values(status="skipped", completed_at=ended))


async def last_event(connection: AsyncConnection, job_id: UUID) -> Event | None:
    """Give the last event of a job that has ended; None while it has not."""
    return next(iter(await _last_events(connection, [job_id])), None)


async def return_products(connection: AsyncConnection, product_ids: Collection[UUID]) -> None:
    """Give products back the status they had, unless something is still on its way for them.

    They are held first, and looked at afterwards: of two jobs that end at once, the second sees the first
    ended, and a job that is just being started is seen.
    """
    held = select(Product.id).where(Product.id.in_(product_ids)).order_by(Product.id)
    await connection.execute(held.with_for_update(key_share=True))
    on_their_way = exists().where(Job.product_id == Product.id, Job.status.in_(OPEN))
    await connection.execute(
        update(Product)
        .where(Product.id.in_(product_ids), Product.status == "processing", ~on_their_way)
        .values(
            status=func.coalesce(Product.status_before_processing, "draft"),
            status_before_processing=None,
            updated_at=func.now(),
        )
    )


@dataclass(frozen=True)
class _Ending:
    job_id: UUID
    status: str
    error: str | None


async def _end(connection: AsyncConnection, endings: Sequence[_Ending]) -> list[Event]:
    if not endings:
        return []
    values = [{"id": str(end.job_id), "status": end.status, "error": end.error} for end in endings]
    ended = (await connection.execute(END, {"ended": json.dumps(values)})).all()
    await return_products(connection, {row.product_id for row in ended if row.product_id is not None})
    await dispatch.cancel_runs(connection, [row.flow_run_id for row in ended if row.needs_cancel])
    events = await _last_events(connection, [end.job_id for end in endings])
    listened_to = {row.id: row for row in ended if row.has_webhooks}
    for event in events:
        if event.job_id in listened_to:
            await _announce(connection, event, listened_to[event.job_id])
    return events


async def _last_events(connection: AsyncConnection, job_ids: Sequence[UUID]) -> list[Event]:
    images_done = select(func.count()).where(
        JobImage.job_id == Job.id, JobImage.status.in_(("completed", "failed"))
    )
    steps_done = select(func.count()).where(JobStep.job_id == Job.id, JobStep.status == "completed")
    # An attempt that began again has fewer steps done than were told before, and progress never falls.
    told = select(func.max(JobStep.progress_completed)).where(JobStep.job_id == Job.id)
    query = select(
        Job.__table__,
        images_done.scalar_subquery().label("images_done"),
        func.greatest(steps_done.scalar_subquery(), told.scalar_subquery()).label("steps_done"),
    ).where(Job.id.in_(job_ids), Job.status.in_(ENDED))
    return [_last_event(row) for row in (await connection.execute(query)).mappings()]


async def _announce(connection: AsyncConnection, event: Event, job: Any) -> None:
    """Have the user's webhooks told what the last event tells, in this very transaction."""
    counted = await _by_status(connection, event.job_id)
    data = {
        "job_id": str(event.job_id),
        "job_type": job.job_type,
        "status": event.status,
        "product_id": None if job.product_id is None else str(job.product_id),
        "total_images": job.total_images,
        "processed_images": counted.get("completed", 0),
        "failed_images": counted.get("failed", 0),
        "error": (event.data or {}).get("error"),
    }
    await announcing.announce(connection, job.user_id, event.type, event.timestamp, data)


async def _by_status(connection: AsyncConnection, job_id: UUID) -> dict[str, int]:
    counted = select(JobImage.status, func.count()).where(JobImage.job_id == job_id).group_by(JobImage.status)
    return {row[0]: row[1] for row in (await connection.execute(counted)).all()}


def _last_event(row: Any) -> Event:
    single = row["job_type"] == "single"
    progress = (row["steps_done"], len(STEPS)) if single else (row["images_done"], row["total_images"])
    succeeded = row["status"] == "completed"
    return Event(
        type="job_complete" if succeeded else "job_failed",
        job_id=row["id"],
        seq=row["event_seq"],
        image_id=None,
        step=None,
        status=row["status"],
        progress=progress,
        data=None if succeeded else {"error": row["error_message"]},
        timestamp=row["completed_at"],
    )
