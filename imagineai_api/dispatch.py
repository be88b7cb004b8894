"""What a transaction asks for elsewhere: to wake a worker as it commits, to delete objects until done."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api import wakeups
from imagineai_api.database import interval
from imagineai_api.storage import DELETE_AT_ONCE
from imagineai_api.tables import Outbox


async def wake(connection: AsyncConnection, queue: str, job_id: UUID) -> None:
    """Tell the workers of a queue, at the moment this transaction commits."""
    if queue == "batch":
        await connection.execute(insert(Outbox).values(kind="start_batch", payload={"job_id": str(job_id)}))
    await wakeups.tell(connection, queue)


async def start_import(connection: AsyncConnection, import_id: UUID, key: str) -> None:
    """Have an import's run ordered under an idempotency key, once this transaction is committed."""
    payload = {"import_id": str(import_id), "key": key}
    await connection.execute(insert(Outbox).values(kind="start_import", payload=payload))
    await wakeups.tell(connection, wakeups.BATCH)


async def cancel_runs(connection: AsyncConnection, flow_run_ids: Sequence[str]) -> None:
    """End runs in Prefect too, once this transaction is committed."""
    if flow_run_ids:
        rows = [{"kind": "cancel_flow_run", "payload": {"flow_run_id": run}} for run in flow_run_ids]
        await connection.execute(insert(Outbox), rows)


async def delete_objects(connection: AsyncConnection, keys: Sequence[str], *, after_s: float = 0) -> None:
    """Delete objects from S3 so long after this transaction is committed, however often that takes.

    They are one row for each call of S3: what one call has deleted is done, whatever the next one meets.
    """
    due_at = func.now() + interval(after_s)
    for start in range(0, len(keys), DELETE_AT_ONCE):
        payload = {"keys": list(keys[start : start + DELETE_AT_ONCE])}
        await connection.execute(insert(Outbox).values(kind="delete_objects", payload=payload, due_at=due_at))
