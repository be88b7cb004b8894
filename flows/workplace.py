"""What a run works with: the connections it opens once and shares among its pictures."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from flows.ledger import Ledger
from imagineai_api import background, tracing
from imagineai_api.analysis.description import Writer, make_writer
from imagineai_api.database import Database
from imagineai_api.inference.client import InferenceClient
from imagineai_api.redis_link import RedisLink
from imagineai_api.settings import Settings
from imagineai_api.storage import Storage


@dataclass(frozen=True)
class Workplace:
    """Open connections to every part that a picture needs."""

    settings: Settings
    database: Database
    redis: RedisLink
    storage: Storage
    inference: InferenceClient
    writer: Writer
    ledger: Ledger


@asynccontextmanager
async def open_workplace(settings: Settings, *, gathers_s: float = 0) -> AsyncIterator[Workplace]:
    """Connect as the settings say; close everything at the end.

    Args:
        settings: Where the parts are.
        gathers_s: How long what images do gathers before it is written, in seconds.
    """
    tracing.start(settings, "imagineai-flows")
    database, redis = Database(settings), RedisLink(settings)
    place = Workplace(
        settings,
        database,
        redis,
        Storage(settings),
        InferenceClient(settings),
        make_writer(settings),
        Ledger(database, redis, settings.lease_s, gathers_s),
    )
    try:
        async with background.working(place.ledger.run):
            yield place
    finally:
        await place.inference.close()
        place.storage.close()
        await place.redis.close()
        await place.database.close()
