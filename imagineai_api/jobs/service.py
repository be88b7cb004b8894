"""Jobs: started, read, cancelled. What a worker writes is in ``progress``."""

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Select, Subquery, bindparam, case, func, literal_column, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api import dispatch, ownership, tracing
from imagineai_api.errors import Conflict, NotFound
from imagineai_api.events import Event
from imagineai_api.jobs import endings
from imagineai_api.jobs.telling import told
from imagineai_api.ownership import WHOEVER_ASKS
from imagineai_api.statements import Executes, Prepared, as_json, as_list, as_text, total
from imagineai_api.tables import STEPS, Job, JobImage, JobStep, Product, Tally

NO_JOB = "There is no such job."
NO_STEPS: ColumnElement[Any] = literal_column("'[]'::json")
"""Steps are listed in a job's detail only."""


# One statement: every upload waits for it.
START = text("""
WITH job AS (
    INSERT INTO jobs (id, user_id, product_id, job_type, total_images, request_id, traceparent)
    VALUES (:id, :user_id, :product_id, :job_type, cardinality(CAST(:image_ids AS uuid[])),
            :request_id, :traceparent)
), images AS (
    SELECT id, position - 1 AS position
    FROM unnest(CAST(:image_ids AS uuid[])) WITH ORDINALITY AS given(id, position)
), queued AS (
    INSERT INTO job_images (job_id, image_id, position, queue)
    SELECT CAST(:id AS uuid), id, position, :job_type FROM images
), steps AS (
    INSERT INTO job_steps (job_id, product_image_id, image_position, position, step_name)
    SELECT CAST(:id AS uuid), images.id, images.position, step.position - 1, step.name
    FROM images CROSS JOIN unnest(CAST(:steps AS text[])) WITH ORDINALITY AS step(name, position)
)
UPDATE products
SET status = 'processing', status_before_processing = status, updated_at = now()
WHERE id = :product_id AND status NOT IN ('processing', 'archived')
""")


async def start(
    connection: AsyncConnection,
    *,
    user_id: UUID,
    product_id: UUID,
    image_ids: Sequence[UUID],
    job_type: str,
    request_id: str | None,
    job_id: UUID | None = None,
) -> UUID:
    """Write a job with its images and steps, and tell the workers when the transaction commits."""
    job_id = job_id or uuid4()
    job = {
        "id": job_id,
        "user_id": user_id,
        "product_id": product_id,
        "job_type": job_type,
        "image_ids": list(image_ids),
        "steps": list(STEPS),
        "request_id": request_id,
        "traceparent": tracing.traceparent(),
    }
    await connection.execute(START, job)
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
    connection: Executes, user_id: UUID, *, status: str | None, limit: int, offset: int
) -> tuple[str, int]:
    """List a user's jobs, newest first, without their steps, as JSON; also say how many there are in all."""
    asked = {} if status is None else {"status": status}
    found = await _page(of_status=bool(asked)).execute(
        connection, user_id=user_id, limit=limit, offset=offset, **asked
    )
    row = found.one()
    return row.items, row.total


async def recent(connection: Executes, user_id: UUID, limit: int) -> str:
    """Give what little the dashboard shows of a user's last jobs, newest first, as JSON."""
    found = await _recent().execute(connection, user_id=user_id, limit=limit)
    return str(found.scalar_one())


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
            data=told(row["status"], row["result_data"], row["error_message"]),
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


def _jobs(user_id: ownership.Owner) -> Select[*tuple[Any, ...]]:
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


@cache
def _page(*, of_status: bool) -> Prepared:
    """Make the statement of a list: always one row, also past the end; the tallies count all jobs."""
    wanted = [Job.status == bindparam("status")] if of_status else []
    job = _newest(_jobs(WHOEVER_ASKS).where(*wanted).offset(bindparam("offset")))
    fields = {"celery_task_id" if name == "flow_run_id" else name: value for name, value in job.c.items()}
    items = as_list(as_json(**fields, steps=NO_STEPS), job.c.created_at.desc(), job.c.id.desc())
    everything = ownership.tallies(WHOEVER_ASKS, total(Tally.jobs))
    counted = ownership.jobs(WHOEVER_ASKS, func.count()).where(*wanted) if of_status else everything
    return Prepared(select(as_text(items).label("items"), counted.scalar_subquery().label("total")))


@cache
def _recent() -> Prepared:
    processed, _ = counts()
    columns = (Job.id, Job.job_type, Job.status, Job.total_images, processed.label("processed_images"))
    job = _newest(ownership.jobs(WHOEVER_ASKS, *columns, Job.created_at, Job.completed_at))
    return Prepared(
        select(as_text(as_list(as_json(**dict(job.c.items())), job.c.created_at.desc(), job.c.id.desc())))
    )


def _newest(query: Select[*tuple[Any, ...]]) -> Subquery:
    return query.order_by(Job.created_at.desc(), Job.id.desc()).limit(bindparam("limit")).subquery()


def _total_of_progress() -> ColumnElement[int]:
    return case((Job.job_type == "single", len(STEPS)), else_=Job.total_images)
