"""What a duty is given to work with, within which bounds, and what it tells of its work."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import InstrumentedAttribute

from imagineai_api.database import Database, interval
from imagineai_api.orchestrator import Prefect
from imagineai_api.settings import Settings
from imagineai_api.storage import Storage

CONNECTIONS = 2
"""One holds the duty's lock, the other does its work."""
HOUR_S = 3600
DAY_S = 24 * HOUR_S
MORE = "More is left for the next run."


@dataclass(frozen=True)
class Outcome:
    """What a duty did.

    Attributes:
        looked_at: How many things it looked at.
        removed: How many of them it removed.
        remarks: What else a person should know, in sentences.
    """

    looked_at: int = 0
    removed: int = 0
    remarks: tuple[str, ...] = ()


class Bounds:
    """How much one duty may do in one go.

    Attributes:
        batch: How many rows one transaction takes.
    """

    def __init__(self, settings: Settings, stop: asyncio.Event) -> None:
        self.batch = settings.housekeeping_batch
        self._ends_at = time.monotonic() + settings.housekeeping_duty_s
        self._stop = stop

    def reached(self) -> bool:
        """Whether the time is used up, or the run was asked to end."""
        return self._stop.is_set() or time.monotonic() >= self._ends_at


@dataclass(frozen=True)
class Premises:
    """What is kept in order: the rows, the pictures and what Prefect shows."""

    settings: Settings
    database: Database
    storage: Storage
    prefect: Prefect


@asynccontextmanager
async def open_premises(settings: Settings) -> AsyncIterator[Premises]:
    """Connect as the settings say, with few connections; close everything at the end."""
    few = settings.model_copy(update={"database_pool_size": CONNECTIONS})
    premises = Premises(settings, Database(few), Storage(settings), Prefect(settings))
    try:
        yield premises
    finally:
        await premises.prefect.close()
        premises.storage.close()
        await premises.database.close()


async def in_batches(bounds: Bounds, remove: Callable[[], Awaitable[int]]) -> Outcome:
    """Remove batch after batch until one is not full, or the bounds are reached.

    Args:
        bounds: How large a batch is, and until when to go on.
        remove: Removes a batch in a transaction of its own and says how many that were.
    """
    removed = 0
    while not bounds.reached():
        count = await remove()
        removed += count
        if count < bounds.batch:
            return Outcome(removed, removed)
    return Outcome(removed, removed, (MORE,))


async def remove_oldest(
    premises: Premises,
    bounds: Bounds,
    key: InstrumentedAttribute[Any],
    at: InstrumentedAttribute[Any],
    days: float,
    *only: ColumnElement[bool],
) -> Outcome:
    """Remove the rows of a table whose time lies so long back, the oldest first, batch after batch.

    Args:
        premises: Where they are.
        bounds: How large a batch is, and until when to go on.
        key: The table's primary key.
        at: The column that says how old a row is; where it is null, the row stays.
        days: How old a row has to be.
        only: What must hold of it besides.
    """
    old = select(key).where(at < func.now() - interval(days * DAY_S), *only)
    batch = old.order_by(at).limit(bounds.batch).with_for_update(skip_locked=True, of=key.class_)
    gone = delete(key.class_).where(key.in_(batch))

    async def remove() -> int:
        async with premises.database.transaction() as connection:
            return (await connection.execute(gone)).rowcount

    return await in_batches(bounds, remove)


async def time_before(database: Database, seconds: float) -> datetime:
    """Give the time so many seconds ago, by the database's clock."""
    async with database.reading() as connection:
        return (await connection.execute(select(func.now() - interval(seconds)))).scalar_one()
