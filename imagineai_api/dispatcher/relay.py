"""The outbox: what must also happen elsewhere is tried until it has happened."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sqlalchemy import func, select, update

from imagineai_api.database import Database, interval
from imagineai_api.errors import ImagineAIError
from imagineai_api.tables import Outbox

log = logging.getLogger(__name__)

RELAY_AT_ONCE = 20
BACKOFF_MAX_S = 60
Act = Callable[[dict[str, Any]], Awaitable[None]]
"""Does what a row asks for by its payload; raises an ImagineAIError where that must wait."""


class Relay:
    """Does what the rows ask for, by the act of their kind."""

    def __init__(self, database: Database, acts: Mapping[str, Act]) -> None:
        self._database = database
        self._acts = acts

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

    async def _try(self, kind: str, payload: dict[str, Any], attempts: int) -> dict[str, Any]:
        try:
            await self._acts[kind](payload)
        except ImagineAIError as error:
            wait_s = min(BACKOFF_MAX_S, 2**attempts)
            log.warning("%s is tried again in %d s: %s", kind, wait_s, error)
            return {
                "attempts": attempts + 1,
                "due_at": func.now() + interval(wait_s),
                "last_error": str(error),
            }
        return {"attempts": attempts + 1, "done_at": func.now(), "last_error": None}
