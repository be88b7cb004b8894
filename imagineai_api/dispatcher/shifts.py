"""Shifts: runs of ``process-images``, of which so many are kept open as the setting says."""

import logging
import time
from uuid import uuid4

from sqlalchemy import func, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api import wakeups
from imagineai_api.database import Database, interval
from imagineai_api.errors import DatabaseAway
from imagineai_api.orchestrator import Prefect
from imagineai_api.settings import Settings
from imagineai_api.tables import Outbox, Shift

log = logging.getLogger(__name__)

KEEPER_LOCK = 7_463_002
"""The advisory lock that lets one replica at a time order shifts."""
OVERDUE_AFTER_S = 60
"""For an ordered shift that has not opened for so long another one is ordered; it may still open."""
GIVEN_UP_AFTER_S = 300
"""An ordered shift that has not opened for so long is given up."""
MISSED_HEARTBEATS = 8


class ShiftKeeper:
    """Orders the shifts that are missing and buries those that gave no sign of life."""

    def __init__(self, settings: Settings, database: Database, prefect: Prefect) -> None:
        self._settings = settings
        self._database = database
        self._prefect = prefect
        self._no_burials_before = 0.0

    async def keep_shifts_open(self) -> int:
        """Order the shifts that are missing; returns how many."""
        try:
            return await self._keep_shifts_open()
        except DatabaseAway:
            # The shifts could not beat either: each gets the time to do so before it is taken for dead.
            self._no_burials_before = time.monotonic() + self._silent_s()
            raise

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
        await wakeups.tell(connection, wakeups.RUN_ORDERED)
        log.info("Ordered shift %s, flow run %s", shift_id, run)
