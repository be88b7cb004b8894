"""Jobs: started, read, cancelled. What a worker writes is in ``progress``."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api import database, dispatch, ownership, tracing
from imagineai_api.errors import Conflict, NotFound
from imagineai_api.events import Event
from imagineai_api.jobs import endings
from imagineai_api.tables import STEPS, Job, JobImage, JobStep, Product

NO_JOB = "There is no such job."


async def start(
    connection: AsyncConnection,
    *,
    user_id: UUID,
    product_id: UUID,
    image_ids: Sequence[UUID],
    job_type: str,
    request_id: str | None,
) -> UUID:
    """Write a job with its images and steps, and tell the workers when the transaction commits."""
    job_id = uuid4()
    await connection.execute(
        insert(Job).values(
            id=job_id,
            user_id=user_id,
            product_id=product_id,
            job_type=job_type,
            total_images=len(image_ids),
            request_id=request_id,
            traceparent=tracing.traceparent(),
        )
    )
    await connection.execute(
        insert(JobImage),
        [
            {"job_id": job_id, "image_id": image_id, "position": position, "queue": job_type}
            for position, image_id in enumerate(image_ids)
        ],
    )
    await _insert_steps(connection, job_id, image_ids)
    await connection.execute(
        update(Product)
        .where(Product.id == product_id, Product.status.not_in(("processing", "archived")))
        .values(status="processing", status_before_processing=Product.status, updated_at=func.now())
    )
    await dispatch.wake(connection, job_type, job_id)
    return job_id


async def get(connection: AsyncConnection, user_id: UUID, job_id: UUID) -> dict[str, Any]:
    """Read one of a user's jobs with all its steps.

    Raises:
        NotFound: There is none, or it is somebody else's.
    """
    row = (await connection.execute(_jobs(user_id).where(Job.id == job_id))).mappings().one_or_none()
    if row is None:
        raise NotFound(NO_JOB)
    steps = select(JobStep.__table__).where(JobStep.job_id == job_id)
    in_order = steps.order_by(JobStep.image_position, JobStep.position)
    return {**row, "steps": [dict(step) for step in (await connection.execute(in_order)).mappings()]}


async def page(
    connection: AsyncConnection, user_id: UUID, *, status: str | None, limit: int, offset: int
) -> tuple[list[dict[str, Any]], int]:
    """List a user's jobs, newest first, without their steps; also say how many there are in all."""
    query = _jobs(user_id)
    if status is not None:
        query = query.where(Job.status == status)
    newest_first = query.order_by(Job.created_at.desc(), Job.id.desc())
    return await database.page(connection, newest_first, limit=limit, offset=offset)


async def cancel(connection: AsyncConnection, user_id: UUID, job_id: UUID) -> Event:
    """Cancel a job for good and give its last event, to be published after the commit.

    Raises:
        NotFound: There is none, or it is somebody else's.
        Conflict: It has ended.
    """
    found = ownership.jobs(user_id, Job.status).where(Job.id == job_id)
    status = await connection.scalar(found.with_for_update())
    if status is None:
        raise NotFound(NO_JOB)
    if status not in endings.OPEN:
        raise Conflict(f"The job has ended already: it is {status}.")
    return await endings.cancel(connection, job_id, "The job was cancelled.")


async def cancel_for_product(connection: AsyncConnection, product_id: UUID) -> list[Event]:
    """Cancel every open job of a product that is about to be deleted; give their last events."""
    open_jobs = (
        select(Job.id).where(Job.product_id == product_id, Job.status.in_(endings.OPEN)).order_by(Job.id)
    )
    ids = (await connection.scalars(open_jobs.with_for_update())).all()
    return [await endings.cancel(connection, job_id, "The product was deleted.") for job_id in ids]


async def are_open(connection: AsyncConnection, product_id: UUID) -> bool:
    """Whether a product has a job that has not ended."""
    open_job = select(Job.id).where(Job.product_id == product_id, Job.status.in_(endings.OPEN)).limit(1)
    return await connection.scalar(open_job) is not None


async def hold_product(connection: AsyncConnection, user_id: UUID, product_id: UUID) -> bool:
    """Hold a user's product, so that it is not deleted while a job is started on it; False where it is gone.

    Held before anything that belongs to it, so that nobody waits for each other.
    """
    query = ownership.products(user_id, Product.id).where(Product.id == product_id)
    return await connection.scalar(query.with_for_update(key_share=True)) is not None


async def is_on_its_way(connection: AsyncConnection, image_id: UUID) -> bool:
    """Whether some job still has to process an image."""
    waiting = (
        select(JobImage.job_id)
        .where(JobImage.image_id == image_id, JobImage.status.in_(endings.OPEN))
        .limit(1)
    )
    return await connection.scalar(waiting) is not None


async def ensure_owner(connection: AsyncConnection, user_id: UUID, job_id: UUID) -> None:
    """Raise NotFound unless the job is this user's."""
    if await connection.scalar(ownership.jobs(user_id, Job.id).where(Job.id == job_id)) is None:
        raise NotFound(NO_JOB)


async def events_since(connection: AsyncConnection, job_id: UUID, after: int) -> list[Event]:
    """Rebuild what a watcher has not seen: the latest state of each step above ``after``, then the end."""
    steps = (
        select(JobStep.__table__, _total_of_progress().label("total"))
        .join(Job, Job.id == JobStep.job_id)
        .where(
            JobStep.job_id == job_id,
            JobStep.seq > after,
            JobStep.status.in_(("running", "completed", "failed")),
        )
        .order_by(JobStep.seq)
    )
    events = [
        Event(
            type="step_update",
            job_id=job_id,
            seq=row["seq"],
            image_id=row["product_image_id"],
            step=row["step_name"],
            status=row["status"],
            progress=(row["progress_completed"], row["total"]),
            data=None if row["status"] == "running" else row["result_data"],
            timestamp=row["completed_at"] or row["started_at"],
        )
        for row in (await connection.execute(steps)).mappings()
    ]
    end = await endings.last_event(connection, job_id)
    return [*events, end] if end else events


def counts() -> tuple[ColumnElement[int], ColumnElement[int]]:
    """Count a job's processed and failed images from their rows."""

    def having(status: str) -> ColumnElement[int]:
        counted = select(func.count()).where(JobImage.job_id == Job.id, JobImage.status == status)
        return counted.correlate(Job).scalar_subquery()

    return having("completed"), having("failed")


def _jobs(user_id: UUID) -> Select[*tuple[Any, ...]]:
    processed, failed = counts()
    return ownership.jobs(
        user_id,
        Job.id,
        Job.user_id,
        Job.product_id,
        Job.job_type,
        Job.status,
        Job.total_images,
        processed.label("processed_images"),
        failed.label("failed_images"),
        Job.flow_run_id,
        Job.started_at,
        Job.completed_at,
        Job.error_message,
        Job.created_at,
        Job.updated_at,
    )


async def _insert_steps(connection: AsyncConnection, job_id: UUID, image_ids: Sequence[UUID]) -> None:
    images = func.unnest(literal(list(image_ids), ARRAY(PG_UUID))).table_valued(
        "id", with_ordinality="position"
    )
    names = func.unnest(literal(list(STEPS), ARRAY(JobStep.step_name.type))).table_valued(
        "name", with_ordinality="position"
    )
    images, names = images.render_derived("images"), names.render_derived("names")
    rows = select(
        literal(job_id),
        images.c.id,
        images.c.position - 1,
        names.c.position - 1,
        names.c.name,
    ).select_from(images.join(names, and_(True)))
    await connection.execute(
        insert(JobStep).from_select(
            ["job_id", "product_image_id", "image_position", "position", "step_name"], rows
        )
    )


def _total_of_progress() -> ColumnElement[int]:
    return case((Job.job_type == "single", len(STEPS)), else_=Job.total_images)
