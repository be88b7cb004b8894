"""What a transaction asks for elsewhere: to wake a worker as it commits, to delete objects until done."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api import wakeups
from imagineai_api.database import interval
from imagineai_api.tables import Outbox


async def wake(connection: AsyncConnection, queue: str, job_id: UUID) -> None:
    """Tell the workers of a queue, at the moment this transaction commits."""
    if queue == "batch":
        await connection.execute(insert(Outbox).values(kind="start_batch", payload={"job_id": str(job_id)}))
    await wakeups.tell(connection, queue)


async def delete_objects(connection: AsyncConnection, keys: Sequence[str], *, after_s: float = 0) -> None:
    """Delete objects from S3 so long after this transaction is committed, however often that takes."""
    if keys:
        due_at, payload = func.now() + interval(after_s), {"keys": list(keys)}
        await connection.execute(insert(Outbox).values(kind="delete_objects", payload=payload, due_at=due_at))
