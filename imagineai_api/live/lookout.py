"""Looks for what no message told: one look at the rows for all the sockets of this process."""

import asyncio
import logging

from sqlalchemy import select

from imagineai_api.database import Database
from imagineai_api.errors import ImagineAIError
from imagineai_api.events import Hub
from imagineai_api.tables import Job

log = logging.getLogger(__name__)

EVERY_S = 10.0
WHILE_REDIS_IS_AWAY_S = 1.0


class Lookout:
    """Compares now and then what watchers have with what there is; a socket that only waits costs nothing."""

    def __init__(self, hub: Hub, database: Database) -> None:
        self._hub = hub
        self._database = database

    async def run(self) -> None:
        """Look for ever: now and then, often while Redis is away, and once more when it is back."""
        waited_s, was_there = 0.0, True
        while True:
            await asyncio.sleep(WHILE_REDIS_IS_AWAY_S)
            waited_s += WHILE_REDIS_IS_AWAY_S
            is_there, was_there = self._hub.connected.is_set() and was_there, self._hub.connected.is_set()
            if is_there and waited_s < EVERY_S:
                continue
            waited_s = 0.0
            try:
                await self.look()
            except ImagineAIError as error:
                log.warning("Watchers wait for the database: %s", error)

    async def look(self) -> None:
        """Have every watcher that lacks an event look at the rows.

        Raises:
            DatabaseAway: PostgreSQL cannot be reached.
        """
        watched = self._hub.watched()
        if not watched:
            return
        newest = select(Job.id, Job.event_seq, Job.completed_at).where(Job.id.in_(watched))
        async with self._database.reading() as connection:
            rows = (await connection.execute(newest)).all()
        for job_id, seq, completed_at in rows:
            self._hub.newest(job_id, seq, ended=completed_at is not None)
