"""From a committed job to a run: the outbox is relayed, shifts are kept open, batches and imports at work.

The API never runs a flow. It names Prefect deployments, keeps enough runs of ``process-images`` (shifts)
open, and creates a run of ``process-batch`` for each batch and of ``import-products`` for each import.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from imagineai_api import wakeups
from imagineai_api.database import Database
from imagineai_api.dispatcher.batches import BatchKeeper
from imagineai_api.dispatcher.imports import ImportKeeper
from imagineai_api.dispatcher.relay import Relay
from imagineai_api.dispatcher.shifts import ShiftKeeper
from imagineai_api.errors import ImagineAIError
from imagineai_api.orchestrator import Prefect
from imagineai_api.settings import Settings
from imagineai_api.storage import Storage

log = logging.getLogger(__name__)


class Dispatcher:
    """The service's background work: relays the outbox, keeps shifts open, batches and imports at work."""

    def __init__(self, settings: Settings, database: Database, storage: Storage, prefect: Prefect) -> None:
        self._settings = settings
        self._storage = storage
        self._prefect = prefect
        self._shifts = ShiftKeeper(settings, database, prefect)
        self._batches = BatchKeeper(settings, database, prefect)
        self._imports = ImportKeeper(settings, database, prefect)
        acts = {
            "delete_objects": self._delete_objects,
            "cancel_flow_run": self._cancel_flow_run,
            "start_batch": self._batches.start,
            "start_import": self._imports.start,
        }
        self.relay = Relay(database, acts).relay
        self._batch_waits = asyncio.Event()

    async def run(self) -> None:
        """Work for ever; whatever is away is tried again at the next turn."""
        async with asyncio.TaskGroup() as group:
            # Apart, so that objects which cannot be deleted keep no shift from being ordered.
            group.create_task(self._be_woken())
            group.create_task(self._repeat(self.relay, self._batch_waits))
            group.create_task(self._repeat(self._shifts.keep_shifts_open))
            group.create_task(self._repeat(self._batches.revive))
            group.create_task(self._repeat(self._imports.revive))

    async def _be_woken(self) -> None:
        async for payload in wakeups.listen(self._settings):
            if payload == wakeups.BATCH:
                self._batch_waits.set()

    async def _repeat(self, turn: Callable[[], Awaitable[int]], woken: asyncio.Event | None = None) -> None:
        """Take turns, at the latest after the poll's time."""
        woken = woken or asyncio.Event()
        while True:
            woken.clear()
            try:
                await turn()
            except ImagineAIError as error:
                log.warning("%s waits: %s", turn.__qualname__, error)
            with suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), self._settings.dispatch_poll_s)

    async def _delete_objects(self, payload: dict[str, Any]) -> None:
        await self._storage.delete(payload["keys"])

    async def _cancel_flow_run(self, payload: dict[str, Any]) -> None:
        state = payload.get("state", "CANCELLED")
        await self._prefect.end_run(payload["flow_run_id"], state, "Ended by ImagineAI.")
