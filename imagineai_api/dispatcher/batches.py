"""Batches: each has a run of ``process-batch``, and another where that one has ended before it."""

import logging
import math
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, update

from imagineai_api import wakeups
from imagineai_api.database import Database
from imagineai_api.orchestrator import TERMINAL, Prefect
from imagineai_api.settings import Settings
from imagineai_api.tables import Job

log = logging.getLogger(__name__)

OVERDUE_AFTER_S = 60
"""A run that a worker has taken and that has not begun for so long is given up."""
IDLE_AFTER_S = 300
"""So is a run at work that has claimed nothing for so long."""
UNATTENDED_BATCHES = text("""
SELECT jobs.id, jobs.flow_run_id, max(lease_until) IS NOT NULL AS begun,
       CAST(extract(epoch FROM now() - greatest(max(lease_until), jobs.updated_at)) AS float) AS silent_s
FROM jobs JOIN job_images ON job_images.job_id = jobs.id AND job_images.status IN ('queued', 'processing')
WHERE jobs.job_type = 'batch' AND jobs.status IN ('queued', 'processing') AND jobs.flow_run_id IS NOT NULL
GROUP BY jobs.id
HAVING bool_and(lease_until IS NULL OR lease_until < now())
ORDER BY max(lease_until) NULLS LAST, jobs.updated_at
LIMIT 200
""")


class BatchKeeper:
    """Orders the runs of batches."""

    def __init__(self, settings: Settings, database: Database, prefect: Prefect) -> None:
        self._settings = settings
        self._database = database
        self._prefect = prefect

    async def revive_batches(self) -> int:
        """Order another run for each batch whose run has ended before it; returns how many."""
        async with self._database.reading() as connection:
            unattended = (await connection.execute(UNATTENDED_BATCHES)).all()
        states = await self._prefect.states([batch.flow_run_id for batch in unattended])
        revived = 0
        for batch in unattended:
            state = states[batch.flow_run_id]
            if state.type not in TERMINAL:
                # What a run that was killed let lapse is not held against the next, which has just begun.
                if min(batch.silent_s, state.lasted_s) < self._patience_s(state.type, begun=batch.begun):
                    continue
                await self._prefect.end_run(batch.flow_run_id, "CRASHED", "It gave no sign of life.")
            log.warning("Flow run %s ended before its batch %s", batch.flow_run_id, batch.id)
            await self._order_batch(batch.id, f"{batch.id}:{batch.flow_run_id}")
            revived += 1
        return revived

    def _patience_s(self, state: str, *, begun: bool) -> float:
        """How long a batch's run may be silent in one of Prefect's states."""
        if state == "SCHEDULED":
            return math.inf  # it waits for its turn
        if state == "PENDING":
            return OVERDUE_AFTER_S
        return self._settings.batch_silent_s if begun else IDLE_AFTER_S

    async def start(self, payload: dict[str, Any]) -> None:
        """Order the run of the batch that a row of the outbox names."""
        job_id = UUID(payload["job_id"])
        # A run of its own for a batch that was cancelled meanwhile would keep others waiting.
        if await self._is_open(job_id):
            await self._order_batch(job_id, payload["job_id"])

    async def _order_batch(self, job_id: UUID, key: str) -> None:
        name = f"batch of {await self._title(job_id)}"[:100]
        deployment = self._settings.process_batch_deployment
        run = await self._prefect.create_run(deployment, name, {"job_id": str(job_id)}, key)
        ordered = update(Job).where(Job.id == job_id, Job.completed_at.is_(None))
        async with self._database.transaction() as connection:
            await connection.execute(ordered.values(flow_run_id=run, updated_at=func.now()))
            await wakeups.tell(connection, wakeups.RUN_ORDERED)

    async def _is_open(self, job_id: UUID) -> bool:
        found = select(Job.id).where(Job.id == job_id, Job.completed_at.is_(None))
        async with self._database.reading() as connection:
            return await connection.scalar(found) is not None

    async def _title(self, job_id: UUID) -> str:
        query = text(
            "SELECT title FROM products JOIN jobs ON jobs.product_id = products.id WHERE jobs.id = :id"
        )
        async with self._database.reading() as connection:
            return str(await connection.scalar(query, {"id": job_id}) or "a deleted product")
