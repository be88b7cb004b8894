"""Batches: each has a run of ``process-batch``."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, update

from imagineai_api import wakeups
from imagineai_api.dispatcher.runs import RunKeeper
from imagineai_api.tables import Job

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


class BatchKeeper(RunKeeper):
    """Orders the runs of batches."""

    unattended = UNATTENDED_BATCHES

    async def start(self, payload: dict[str, Any]) -> None:
        """Order the run of the batch that a row of the outbox names."""
        job_id = UUID(payload["job_id"])
        # A run of its own for a batch that was cancelled meanwhile would keep others waiting.
        if await self._is_open(job_id):
            await self._order(job_id, payload["job_id"])

    async def _order(self, work_id: UUID, key: str) -> None:
        name = f"batch of {await self._title(work_id)}"[:100]
        deployment = self._settings.process_batch_deployment
        run = await self._prefect.create_run(deployment, name, {"job_id": str(work_id)}, key)
        ordered = update(Job).where(Job.id == work_id, Job.completed_at.is_(None))
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
