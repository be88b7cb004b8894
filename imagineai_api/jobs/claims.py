"""Who may work on an image: leases by the database's clock, each with a fencing token."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api.database import Database, interval
from imagineai_api.errors import Contended, DatabaseAway
from imagineai_api.tables import JobImage, JobStep, lease_tokens

log = logging.getLogger(__name__)

AGAIN_S = 1.0

CLAIM = text("""
WITH open AS (
    SELECT job_id, image_id FROM job_images
    WHERE queue = :queue AND attempts < :max_attempts AND (attempts > 0) = :suspects
      AND (status = 'queued' OR (status = 'processing' AND lease_until < now()))
      AND (CAST(:job_id AS uuid) IS NULL OR job_id = :job_id)
    ORDER BY queued_at, position
    LIMIT :limit FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE job_images SET status = 'processing', attempts = attempts + :counted,
        lease_until = now() + make_interval(secs => :lease_s), lease_token = nextval('lease_tokens')
    FROM open WHERE job_images.job_id = open.job_id AND job_images.image_id = open.image_id
    RETURNING job_images.*
)
SELECT claimed.job_id, claimed.image_id, claimed.lease_token,
       claimed.attempts + 1 - :counted AS attempt, :counted = 1 AS counted,
       jobs.job_type, jobs.total_images, jobs.request_id, jobs.traceparent, jobs.model_version,
       product_images.s3_key, product_images.etag, products.title AS product_title
FROM claimed JOIN jobs ON jobs.id = claimed.job_id
LEFT JOIN product_images ON product_images.id = claimed.image_id
LEFT JOIN products ON products.id = product_images.product_id
ORDER BY claimed.queued_at, claimed.position
""")

EXHAUSTED = text("""
SELECT job_images.job_id, image_id, lease_token, attempts AS attempt, job_type, total_images
FROM job_images JOIN jobs ON jobs.id = job_images.job_id
WHERE queue = :queue AND attempts >= :max_attempts
  AND job_images.status = 'processing' AND lease_until < now()
LIMIT 100
""")


@dataclass(frozen=True)
class Claimed:
    """An image that this worker holds until its lease lapses; the token fences what it writes later.

    Attributes:
        attempt: Which attempt at it this is, from 1.
        counted: Whether the attempt counts already; else it does with the first thing written of it.
    """

    job_id: UUID
    image_id: UUID
    lease_token: int
    attempt: int
    job_type: str
    total_images: int
    counted: bool = True
    request_id: str | None = None
    traceparent: str | None = None
    model_version: str | None = None
    s3_key: str | None = None
    etag: str | None = None
    product_title: str | None = None


async def claim(
    database: Database,
    *,
    queue: str,
    limit: int,
    lease_s: float,
    max_attempts: int,
    job_id: UUID | None = None,
    suspects: bool = False,
    counted: bool = True,
) -> list[Claimed]:
    """Take up to ``limit`` waiting or lapsed images, oldest first; two workers never get the same one.

    Args:
        database: Where they are.
        queue: "single" or "batch".
        limit: How many at most.
        lease_s: How long they are held without another word, in seconds.
        max_attempts: Images that were begun so often are not given out.
        job_id: Only those of this job.
        suspects: Only images at which a worker has ended, which may be their doing; else only the others.
        counted: Whether the attempts count from now on, because the images are begun at once.
    """
    values = {
        "queue": queue,
        "limit": limit,
        "lease_s": lease_s,
        "max_attempts": max_attempts,
        "job_id": job_id,
        "suspects": suspects,
        "counted": int(counted),
    }
    async with database.transaction() as connection:
        rows = (await connection.execute(CLAIM, values)).mappings().all()
    return [Claimed(**row) for row in rows]


async def exhausted(database: Database, *, queue: str, max_attempts: int) -> list[Claimed]:
    """List the images whose last attempt lapsed, as its worker held them."""
    values = {"queue": queue, "max_attempts": max_attempts}
    async with database.reading() as connection:
        rows = (await connection.execute(EXHAUSTED, values)).mappings().all()
    return [Claimed(**row) for row in rows]


async def extend(connection: AsyncConnection, works: Sequence[Claimed], lease_s: float) -> None:
    """Keep the leases of images that are still being worked on; one that was lost stays lost."""
    of_jobs = JobImage.job_id.in_({work.job_id for work in works})
    ours = JobImage.lease_token.in_([work.lease_token for work in works])
    # Whoever writes a row now extends or ends it; to wait for them could be to wait for each other.
    free = select(JobImage.lease_token).where(of_jobs, ours, JobImage.status == "processing")
    extended = update(JobImage).where(
        of_jobs, JobImage.lease_token.in_(free.with_for_update(skip_locked=True))
    )
    await connection.execute(extended.values(lease_until=func.now() + interval(lease_s)))


async def hand_back_in_time(database: Database, work: Claimed, *, lost: bool = False) -> None:
    """Put a claimed image back; where the database is away, as soon as it is there again."""
    while True:
        try:
            return await (give_up if lost else hand_back)(database, work)
        except (DatabaseAway, Contended) as error:
            log.warning("Image %s waits to be handed back: %s", work.image_id, error)
            await asyncio.sleep(AGAIN_S)


async def hand_back(database: Database, work: Claimed) -> None:
    """Put a claimed image back unharmed: this attempt does not count, and no step stays running."""
    async with database.transaction() as connection:
        back = update(JobImage).where(*held(work))
        values = {"status": "queued", "lease_until": None, "attempts": work.attempt - 1}
        if (await connection.execute(back.values(**values))).rowcount:
            await connection.execute(
                update(JobStep)
                .where(
                    JobStep.job_id == work.job_id,
                    JobStep.product_image_id == work.image_id,
                    JobStep.status == "running",
                )
                .values(status="pending", started_at=None)
            )


async def give_up(database: Database, work: Claimed) -> None:
    """Let go of an image at which something ended, which may be its doing: this attempt counts."""
    values = {"lease_until": func.now(), "attempts": work.attempt, "lease_token": lease_tokens.next_value()}
    let_go = update(JobImage).where(*held(work)).values(**values)
    async with database.transaction() as connection:
        await connection.execute(let_go)


def held(work: Claimed) -> tuple[ColumnElement[bool], ...]:
    """Say when an image is still this worker's: not taken over, cancelled or ended."""
    return (
        JobImage.job_id == work.job_id,
        JobImage.image_id == work.image_id,
        JobImage.lease_token == work.lease_token,
        JobImage.status == "processing",
    )
