"""Work that has a run of its own: one is ordered for it, and another where that one has ended before it."""

import logging
import math
from abc import ABC, abstractmethod
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause

from imagineai_api.database import Database
from imagineai_api.orchestrator import TERMINAL, Prefect
from imagineai_api.settings import Settings

log = logging.getLogger(__name__)

OVERDUE_AFTER_S = 60
"""A run that a worker has taken and that has not begun for so long is given up."""
IDLE_AFTER_S = 300
"""So is a run at work that has claimed nothing for so long."""


class RunKeeper(ABC):
    """Orders the runs of one kind of work.

    Attributes:
        unattended: Reads the work that is open, has a run, and that nobody holds: its id, ``flow_run_id``,
            whether it has begun, and for how long it has been silent, in seconds.
    """

    unattended: TextClause

    def __init__(self, settings: Settings, database: Database, prefect: Prefect) -> None:
        self._settings = settings
        self._database = database
        self._prefect = prefect

    async def revive(self) -> int:
        """Order another run for all work whose run has ended before it; returns how many."""
        async with self._database.reading() as connection:
            unattended = (await connection.execute(self.unattended)).all()
        states = await self._prefect.states([work.flow_run_id for work in unattended])
        revived = 0
        for work in unattended:
            state = states[work.flow_run_id]
            if state.type not in TERMINAL:
                # What a run that was killed let lapse is not held against the next, which has just begun.
                if min(work.silent_s, state.lasted_s) < self._patience_s(state.type, begun=work.begun):
                    continue
                await self._prefect.end_run(work.flow_run_id, "CRASHED", "It gave no sign of life.")
            level = logging.INFO if state.type == "COMPLETED" else logging.WARNING
            log.log(
                level, "Flow run %s (%s) ended before its work, %s", work.flow_run_id, state.type, work.id
            )
            await self._order(work.id, f"{work.id}:{work.flow_run_id}")
            revived += 1
        return revived

    @abstractmethod
    async def start(self, payload: dict[str, Any]) -> None:
        """Order the run that a row of the outbox asks for."""

    @abstractmethod
    async def _order(self, work_id: UUID, key: str) -> None:
        """Order a run under an idempotency key, and note it."""

    def _patience_s(self, state: str, *, begun: bool) -> float:
        """How long a run may be silent in one of Prefect's states."""
        if state == "SCHEDULED":
            return math.inf  # it waits for its turn
        if state == "PENDING":
            return OVERDUE_AFTER_S
        return self._settings.batch_silent_s if begun else IDLE_AFTER_S
