"""How a job ends: settled by its images, or cancelled; its last event; what the product becomes."""

from typing import Any
from uuid import UUID

from sqlalchemy import case, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api.events import Event
from imagineai_api.tables import STEPS, Analysis, Job, JobImage, JobStep, Outbox, Product

OPEN = ("queued", "processing")
ENDED = ("completed", "failed", "cancelled")


async def settle(connection: AsyncConnection, job_id: UUID) -> Event | None:
    """End a job whose last image has ended; give its last event, None while images are open.

    The caller holds the job's row lock.
    """
    by_status = (
        select(JobImage.status, func.count()).where(JobImage.job_id == job_id).group_by(JobImage.status)
    )
    found: dict[str, int] = {row[0]: row[1] for row in (await connection.execute(by_status)).all()}
    if any(found.get(status) for status in OPEN):
        return None
    succeeded = found.get("completed", 0) > 0
    error = None if succeeded else await _first_error(connection, job_id)
    return await _end(connection, job_id, "completed" if succeeded else "failed", error)


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
    return await _end(connection, job_id, "cancelled", reason)


async def skip_open_steps(connection: AsyncConnection, job_id: UUID, image_id: UUID | None = None) -> None:
    """Mark what has not ended as skipped, for one image or for all."""
    open_steps = update(JobStep).where(JobStep.job_id == job_id, JobStep.status.in_(("pending", "running")))
    if image_id is not None:
        open_steps = open_steps.where(JobStep.product_image_id == image_id)
    ended = case((JobStep.started_at.is_not(None), func.now()), else_=None)
    await connection.execute(open_steps.values(status="skipped", completed_at=ended))


async def last_event(connection: AsyncConnection, job_id: UUID) -> Event | None:
    """Give the last event of a job that has ended; None while it has not."""
    images_done = select(func.count()).where(
        JobImage.job_id == job_id, JobImage.status.in_(("completed", "failed"))
    )
    steps_done = select(func.count()).where(JobStep.job_id == job_id, JobStep.status == "completed")
    query = select(
        Job.__table__,
        images_done.scalar_subquery().label("images_done"),
        steps_done.scalar_subquery().label("steps_done"),
    ).where(Job.id == job_id, Job.status.in_(ENDED))
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else _last_event(row)


async def return_product(connection: AsyncConnection, product_id: UUID | None) -> None:
    """Give a product back the status it had, unless something is still on its way for it."""
    on_their_way = exists().where(Job.product_id == product_id, Job.status.in_(OPEN))
    await connection.execute(
        update(Product)
        .where(Product.id == product_id, Product.status == "processing", ~on_their_way)
        .values(
            status=func.coalesce(Product.status_before_processing, "draft"),
            status_before_processing=None,
            updated_at=func.now(),
        )
    )


async def _end(connection: AsyncConnection, job_id: UUID, status: str, error: str | None) -> Event:
    ended = (
        update(Job)
        .where(Job.id == job_id)
        .values(
            status=status,
            error_message=error,
            completed_at=func.clock_timestamp(),
            updated_at=func.clock_timestamp(),
            event_seq=Job.event_seq + 1,
        )
        .returning(Job.product_id, Job.flow_run_id, Job.job_type)
    )
    row = (await connection.execute(ended)).one()
    await return_product(connection, row.product_id)
    if status == "cancelled" and row.job_type == "batch" and row.flow_run_id is not None:
        await connection.execute(
            insert(Outbox).values(kind="cancel_flow_run", payload={"flow_run_id": row.flow_run_id})
        )
    event = await last_event(connection, job_id)
    if event is None:
        raise RuntimeError(f"job {job_id} has no last event")
    return event


async def _first_error(connection: AsyncConnection, job_id: UUID) -> str | None:
    errors = select(JobImage.error_message).where(JobImage.job_id == job_id, JobImage.status == "failed")
    first: str | None = await connection.scalar(errors.order_by(JobImage.position).limit(1))
    return first


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
