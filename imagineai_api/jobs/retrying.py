"""Another try for what a job has not succeeded with."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from imagineai_api import ownership
from imagineai_api.errors import Conflict, NotFound
from imagineai_api.jobs import endings
from imagineai_api.jobs import service as jobs
from imagineai_api.tables import Analysis, Job, JobImage

NOT_ENDED = "The job has not ended yet."
NOTHING_FAILED = "The job has no failed image that could be tried again."


async def retry(
    connection: AsyncConnection, user_id: UUID, job_id: UUID, *, request_id: str | None
) -> dict[str, Any]:
    """Queue an ended job's failed and cancelled images as a new job of its kind; gives the new job.

    Images that succeeded since, are on their way in another job, or were deleted, are left out.

    Raises:
        NotFound: There is no such job, or it is somebody else's.
        Conflict: It has not ended, or nothing is left to be tried again.
    """
    job = ownership.jobs(user_id, Job.status, Job.product_id, Job.job_type).where(Job.id == job_id)
    row = (await connection.execute(job)).one_or_none()
    if row is None:
        raise NotFound(jobs.NO_JOB)
    if row.status in endings.OPEN:
        raise Conflict(NOT_ENDED)
    # Held before the images are looked at: of two retries at once, one finds them on their way.
    is_there = await jobs.hold_product(connection, user_id, row.product_id)
    image_ids = await _retriable(connection, job_id) if is_there else ()
    if not image_ids:
        raise Conflict(NOTHING_FAILED)
    await connection.execute(
        update(Analysis)
        .where(Analysis.product_image_id.in_(image_ids))
        .values(status="pending", error_message=None, updated_at=func.now())
    )
    again = await jobs.start(
        connection,
        user_id=user_id,
        product_id=row.product_id,
        image_ids=image_ids,
        job_type=row.job_type,
        request_id=request_id,
    )
    return await jobs.get(connection, user_id, again)


async def _retriable(connection: AsyncConnection, job_id: UUID) -> Sequence[UUID]:
    other = aliased(JobImage)
    on_its_way = exists().where(other.image_id == JobImage.image_id, other.status.in_(endings.OPEN))
    failed = (
        select(JobImage.image_id)
        .join(Analysis, Analysis.product_image_id == JobImage.image_id)
        .where(JobImage.job_id == job_id, JobImage.status.in_(("failed", "cancelled")))
        .where(Analysis.status == "failed", ~on_its_way)
        .order_by(JobImage.position)
    )
    return (await connection.scalars(failed)).all()
