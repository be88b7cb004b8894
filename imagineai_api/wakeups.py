"""Being woken by PostgreSQL at the moment something is committed; without it, polls find what is new."""

import asyncio
import logging
from collections.abc import AsyncIterator

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api.settings import Settings

log = logging.getLogger(__name__)

CHANNEL = "imagineai_jobs"
SINGLE, BATCH = "single", "batch"
"""A job of that kind is committed."""
RUN_ORDERED = "run"
"""Prefect has a run for some worker, which need not wait for its next look."""
AGAIN_S = 1.0
LISTENING: dict[str, str | int] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "application_name": "imagineai-wakeups",
}
"""A server that has vanished is noticed within half a minute."""


async def listen(settings: Settings) -> AsyncIterator[str]:
    """Yield what is told, for ever, over every loss of the connection."""
    address = settings.database_url.replace("postgresql+psycopg", "postgresql", 1)
    url = make_conninfo(address, **LISTENING)
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                async for notice in connection.notifies():
                    yield notice.payload
        except psycopg.Error as error:
            log.warning("The wake-up connection was lost: %s", error)
        await asyncio.sleep(AGAIN_S)


async def tell(connection: AsyncConnection, payload: str) -> None:
    """Tell all who listen, at the moment this transaction commits."""
    await connection.execute(select(func.pg_notify(CHANNEL, payload)))
