"""The service's background work for webhooks: claims what is due, calls, writes down how it went."""

import asyncio
import json
import logging
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from uuid import UUID

from imagineai_api import metrics
from imagineai_api.database import Database
from imagineai_api.errors import ImagineAIError
from imagineai_api.settings import Settings
from imagineai_api.webhooks import queue, signing
from imagineai_api.webhooks.addresses import Addresses
from imagineai_api.webhooks.calls import Calls
from imagineai_api.webhooks.queue import Claimed, Outcome

log = logging.getLogger(__name__)


class Sender:
    """Sends from one replica; others send beside it, each what it has claimed."""

    def __init__(self, settings: Settings, database: Database, addresses: Addresses) -> None:
        self._settings = settings
        self._database = database
        self._calls = Calls(settings, addresses)
        self._under_way: dict[UUID, int] = {}
        """How many calls of each endpoint this process is making."""
        self._served: set[UUID] = set()
        """Who had a turn since the last time that nobody else was waiting."""
        self._has_ended = asyncio.Event()

    async def run(self) -> None:
        """Work for ever; whatever is away is tried again at the next turn."""
        self._under_way.clear()
        async with asyncio.TaskGroup() as group:
            while True:
                for attempt in await self._claim():
                    self._begin(attempt)
                    group.create_task(self._make(attempt))
                await self._rest()

    async def close(self) -> None:
        """Close what is open. Calls that were under way are made again once their leases have lapsed."""
        await self._calls.close()

    async def _claim(self) -> Sequence[Claimed]:
        free = self._settings.webhook_concurrency - sum(self._under_way.values())
        if free <= 0:
            return ()
        try:
            claimed = await self._claim_in_turns(free)
        except ImagineAIError as error:
            log.warning("Webhooks wait: %s", error)
            return ()
        self._served.update(attempt.webhook_id for attempt in claimed)
        return claimed

    async def _claim_in_turns(self, most: int) -> list[Claimed]:
        """Take what is due, so that who has thousands waiting does not come before all others."""
        claimed = await self._claim_but(self._under_way.keys() | self._served, most)
        if not claimed and self._served:
            self._served.clear()
            claimed = await self._claim_but(self._under_way.keys(), most)
        return claimed

    async def _claim_but(self, others: Collection[UUID], most: int) -> list[Claimed]:
        async with self._database.transaction() as connection:
            return await queue.claim(connection, self._settings, others, most)

    async def _rest(self) -> None:
        """Wait until a call has ended, which makes room for others, or for the next look."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.dispatch_poll_s):
                await self._has_ended.wait()
        self._has_ended.clear()

    async def _make(self, attempt: Claimed) -> None:
        try:
            # No transaction is open meanwhile: an endpoint may take its time.
            outcome = await self._call(attempt)
            async with self._database.transaction() as connection:
                verdict = await queue.settle(connection, self._settings, attempt, outcome)
        except ImagineAIError as error:
            log.warning("Delivery %s is made again: its outcome could not be written (%s)", attempt.id, error)
            return
        finally:
            self._end(attempt)
        metrics.webhook_deliveries.labels(verdict).inc()
        if outcome.error is not None:
            log.info(
                "Delivery %s to webhook %s: %s (%s)", attempt.id, attempt.webhook_id, verdict, outcome.error
            )

    async def _call(self, attempt: Claimed) -> Outcome:
        try:
            body = json.dumps(attempt.payload, ensure_ascii=False, separators=(",", ":")).encode()
            secrets = [secret for secret in (attempt.secret, attempt.previous_secret) if secret is not None]
            headers = signing.headers(str(attempt.id), int(time.time()), body, secrets)
            return await self._calls.post(attempt.url, headers, body)
        except Exception:
            # Whatever one endpoint brings about, the calls of others go on.
            log.exception("Delivery %s met a fault", attempt.id)
            return Outcome(None, "The call met an error that the service did not expect.")

    def _begin(self, attempt: Claimed) -> None:
        self._under_way[attempt.webhook_id] = self._under_way.get(attempt.webhook_id, 0) + 1

    def _end(self, attempt: Claimed) -> None:
        left = self._under_way.pop(attempt.webhook_id) - 1
        if left:
            self._under_way[attempt.webhook_id] = left
        self._has_ended.set()
