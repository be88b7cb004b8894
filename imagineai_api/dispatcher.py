"""From a committed job to a run: the outbox is relayed, shifts are kept open, batches kept at work.

The API never runs a flow. It names Prefect deployments, keeps enough runs of ``process-images`` (shifts)
open, and creates one run of ``process-batch`` for each batch.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api.database import Database, interval
from imagineai_api.errors import DatabaseAway, ImagineAIError
from imagineai_api.orchestrator import Prefect
from imagineai_api.settings import Settings
from imagineai_api.storage import Storage
from imagineai_api.tables import Job, Outbox, Shift

log = logging.getLogger(__name__)

KEEPER_LOCK = 7_463_002
"""The advisory lock that lets one replica at a time order shifts."""
OVERDUE_AFTER_S = 60
"""For an ordered shift that has not opened for so long another one is ordered; it may still open."""
GIVEN_UP_AFTER_S = 300
"""An ordered shift that has not opened for so long is given up."""
MISSED_HEARTBEATS = 8
RELAY_AT_ONCE = 20
BACKOFF_MAX_S = 60
BATCH_SILENT_S = 60
"""A run that has let a lease lapse for so long is dead, whatever Prefect says of it."""
UNATTENDED_BATCHES = text("""
SELECT jobs.id, jobs.flow_run_id, bool_or(lease_until < now() - make_interval(secs => :silent_s)) AS silent
FROM jobs JOIN job_images ON job_images.job_id = jobs.id AND job_images.status IN ('queued', 'processing')
WHERE jobs.job_type = 'batch' AND jobs.status IN ('queued', 'processing') AND jobs.flow_run_id IS NOT NULL
GROUP BY jobs.id
HAVING bool_and(lease_until IS NULL OR lease_until < now())
LIMIT 20
""")


class Dispatcher:
    """The service's background work: relays the outbox and keeps shifts open."""

    def __init__(self, settings: Settings, database: Database, storage: Storage, prefect: Prefect) -> None:
        self._settings = settings
        self._database = database
        self._storage = storage
        self._prefect = prefect
        self._no_burials_before = 0.0
        self._relays: dict[str, Callable[[dict[str, Any]], Awaitable[None]]] = {
            "delete_objects": self._delete_objects,
            "cancel_flow_run": self._cancel_flow_run,
            "start_batch": self._start_batch,
        }

    async def run(self) -> None:
        """Work for ever; whatever is away is tried again at the next turn."""
        async with asyncio.TaskGroup() as group:
            # Apart, so that objects which cannot be deleted keep no shift from being ordered.
            group.create_task(self._repeat(self.relay))
            group.create_task(self._repeat(self.keep_shifts_open))
            group.create_task(self._repeat(self.revive_batches))

    async def _repeat(self, turn: Callable[[], Awaitable[int]]) -> None:
        while True:
            try:
                await turn()
            except ImagineAIError as error:
                log.warning("%s waits: %s", turn.__name__, error)
            await asyncio.sleep(self._settings.dispatch_poll_s)

    async def relay(self) -> int:
        """Do what is due in the outbox; returns how many rows were tried."""
        due = select(Outbox.id, Outbox.kind, Outbox.payload, Outbox.attempts).where(
            Outbox.done_at.is_(None), Outbox.due_at <= func.now()
        )
        in_order = due.order_by(Outbox.id).limit(RELAY_AT_ONCE).with_for_update(skip_locked=True)
        async with self._database.transaction() as connection:
            rows = (await connection.execute(in_order)).all()
            failed: set[str] = set()
            for row in rows:
                if row.kind in failed:
                    continue  # due again at the next turn; what they need together is away
                values = await self._try(row.kind, row.payload, row.attempts)
                await connection.execute(update(Outbox).where(Outbox.id == row.id).values(**values))
                if "done_at" not in values:
                    failed.add(row.kind)
        return len(rows)

    async def keep_shifts_open(self) -> int:
        """Order the shifts that are missing; returns how many."""
        try:
            return await self._keep_shifts_open()
        except DatabaseAway:
            # The shifts could not beat either: each gets the time to do so before it is taken for dead.
            self._no_burials_before = time.monotonic() + self._silent_s()
            raise

    async def revive_batches(self) -> int:
        """Order another run for each batch whose run has ended before it; returns how many."""
        async with self._database.reading() as connection:
            unattended = (await connection.execute(UNATTENDED_BATCHES, {"silent_s": BATCH_SILENT_S})).all()
        revived = 0
        for batch in unattended:
            if not await self._prefect.has_ended(batch.flow_run_id):
                if not batch.silent:
                    continue
                await self._prefect.end_run(batch.flow_run_id, "CRASHED", "It gave no sign of life.")
            log.warning("Flow run %s ended before its batch %s", batch.flow_run_id, batch.id)
            await self._order_batch(batch.id, f"{batch.id}:{batch.flow_run_id}")
            revived += 1
        return revived

    async def _keep_shifts_open(self) -> int:
        async with self._database.transaction() as connection:
            lock = select(func.pg_try_advisory_xact_lock(KEEPER_LOCK))
            if not await connection.scalar(lock):
                return 0
            if time.monotonic() >= self._no_burials_before:
                await self._bury_the_dead(connection)
            missing = self._settings.shifts - await self._open_shifts(connection)
            for _ in range(missing):
                await self._order_shift(connection)
        return max(missing, 0)

    async def _open_shifts(self, connection: AsyncConnection) -> int:
        handover = interval(self._settings.shift_handover_s)
        expected = Shift.opened_at.is_(None) & (Shift.ordered_at > func.now() - interval(OVERDUE_AFTER_S))
        staying = or_(expected, Shift.closes_at > func.now() + handover)
        return await connection.scalar(select(func.count()).where(Shift.closed_at.is_(None), staying)) or 0

    async def _bury_the_dead(self, connection: AsyncConnection) -> None:
        dead = or_(
            Shift.heartbeat_at < func.now() - interval(self._silent_s()),
            (Shift.opened_at.is_(None)) & (Shift.ordered_at < func.now() - interval(GIVEN_UP_AFTER_S)),
        )
        buried = (
            update(Shift)
            .where(Shift.closed_at.is_(None), dead)
            .values(closed_at=func.now())
            .returning(Shift.flow_run_id)
        )
        for flow_run_id in (await connection.scalars(buried)).all():
            if flow_run_id is not None:
                log.warning("Shift %s gave no sign of life, it is closed", flow_run_id)
                payload = {"flow_run_id": flow_run_id, "state": "CRASHED"}
                await connection.execute(insert(Outbox).values(kind="cancel_flow_run", payload=payload))

    def _silent_s(self) -> float:
        return self._settings.shift_heartbeat_s * MISSED_HEARTBEATS

    async def _order_shift(self, connection: AsyncConnection) -> None:
        shift_id = uuid4()
        parameters = {
            "shift_id": str(shift_id),
            "minutes": self._settings.shift_minutes,
            "pictures": self._settings.shift_pictures,
        }
        now = await connection.scalar(select(func.to_char(func.now(), text("'YYYY-MM-DD HH24:MI'"))))
        deployment, name = self._settings.process_images_deployment, f"uploads, shift of {now} UTC"
        run = await self._prefect.create_run(deployment, name, parameters, str(shift_id))
        await connection.execute(insert(Shift).values(id=shift_id, flow_run_id=run))
        log.info("Ordered shift %s, flow run %s", shift_id, run)

    async def _try(self, kind: str, payload: dict[str, Any], attempts: int) -> dict[str, Any]:
        try:
            await self._relays[kind](payload)
        except ImagineAIError as error:
            wait_s = min(BACKOFF_MAX_S, 2**attempts)
            log.warning("%s is tried again in %d s: %s", kind, wait_s, error)
            return {
                "attempts": attempts + 1,
                "due_at": func.now() + interval(wait_s),
                "last_error": str(error),
            }
        return {"attempts": attempts + 1, "done_at": func.now(), "last_error": None}

    async def _delete_objects(self, payload: dict[str, Any]) -> None:
        await self._storage.delete(payload["keys"])

    async def _cancel_flow_run(self, payload: dict[str, Any]) -> None:
        state = payload.get("state", "CANCELLED")
        await self._prefect.end_run(payload["flow_run_id"], state, "Ended by ImagineAI.")

    async def _start_batch(self, payload: dict[str, Any]) -> None:
        job_id = UUID(payload["job_id"])
        # A run of its own for a batch that was cancelled meanwhile would keep others waiting.
        if await self._is_open(job_id):
            await self._order_batch(job_id, payload["job_id"])

    async def _order_batch(self, job_id: UUID, key: str) -> None:
        name = f"batch of {await self._title(job_id)}"[:100]
        deployment = self._settings.process_batch_deployment
        run = await self._prefect.create_run(deployment, name, {"job_id": str(job_id)}, key)
        ordered = update(Job).where(Job.id == job_id, Job.completed_at.is_(None)).values(flow_run_id=run)
        async with self._database.transaction() as connection:
            await connection.execute(ordered)

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
