"""Imports: each has a run of ``import-products``, and the next one where its turn is over, or it has died."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, update

from imagineai_api import wakeups
from imagineai_api.dispatcher.runs import RunKeeper
from imagineai_api.import_tables import Import
from imagineai_api.tables import User

UNATTENDED_IMPORTS = text("""
SELECT id, flow_run_id, lease_token IS NOT NULL AS begun,
       CAST(extract(epoch FROM now() - greatest(lease_until, updated_at)) AS float) AS silent_s
FROM imports
WHERE status IN ('queued', 'processing') AND flow_run_id IS NOT NULL
  AND (lease_until IS NULL OR lease_until < now())
ORDER BY updated_at
LIMIT 200
""")
OPEN = Import.status.in_(("queued", "processing"))


class ImportKeeper(RunKeeper):
    """Orders the runs of imports."""

    unattended = UNATTENDED_IMPORTS

    async def start(self, payload: dict[str, Any]) -> None:
        """Order the run of the import that a row of the outbox names, unless it was cancelled meanwhile."""
        await self._order(UUID(payload["import_id"]), payload["key"])

    async def _order(self, work_id: UUID, key: str) -> None:
        name = await self._name(work_id)
        if name is None:
            return
        deployment = self._settings.import_products_deployment
        run = await self._prefect.create_run(deployment, name, {"import_id": str(work_id)}, key)
        ordered = update(Import).where(Import.id == work_id, OPEN)
        async with self._database.transaction() as connection:
            await connection.execute(ordered.values(flow_run_id=run, updated_at=func.now()))
            await wakeups.tell(connection, wakeups.RUN_ORDERED)

    async def _name(self, import_id: UUID) -> str | None:
        """Say whose import it is and of what; None where it is not open."""
        query = select(Import.kind, Import.name, User.email).join(User, User.id == Import.user_id)
        async with self._database.reading() as connection:
            found = (await connection.execute(query.where(Import.id == import_id, OPEN))).one_or_none()
        if found is None:
            return None
        what = f"the folder {found.name or '/'}" if found.kind == "prefix" else found.name
        return f"import of {what[:60]} by {found.email}"[:150]
