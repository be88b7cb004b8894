"""Statements that only read, executed by the driver itself on the pool's connections.

SQLAlchemy's connection takes two and a half times as long for a row by its key.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import psycopg
from sqlalchemy.engine import IteratorResult, Result
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.util import greenlet_spawn

from imagineai_api.errors import DatabaseAway


class DirectReads:
    """Executes each statement by itself, outside any transaction, on whichever connection is free.

    Args:
        engine: Whose pool the connections come from, and go back to.
        patience_s: How long one may take to come.
    """

    def __init__(self, engine: AsyncEngine, patience_s: float) -> None:
        self._engine = engine
        self._patience_s = patience_s

    async def exec_driver_sql(self, statement: str, parameters: Mapping[str, Any]) -> Result[Any]:
        """Execute a statement in the driver's words, as SQLAlchemy's connection does.

        Raises:
            DatabaseAway: PostgreSQL cannot be reached, gives no connection or no answer in time.
        """
        try:
            async with asyncio.timeout(self._patience_s):
                pooled = await self._engine.raw_connection()
            return await _executed(pooled, statement, parameters)
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeoutError, TimeoutError) as error:
            raise DatabaseAway from error


async def _executed(
    pooled: PoolProxiedConnection, statement: str, parameters: Mapping[str, Any]
) -> Result[Any]:
    try:
        result = await _rows(pooled.driver_connection, statement, parameters)
    except BaseException:
        # Nobody gets it again: its statement may be half done.
        await asyncio.shield(asyncio.ensure_future(greenlet_spawn(pooled.invalidate)))
        raise
    await greenlet_spawn(pooled.close)
    return result


async def _rows(
    connection: DBAPIConnection | Any, statement: str, parameters: Mapping[str, Any]
) -> Result[Any]:
    await connection.set_autocommit(True)  # or psycopg would begin a transaction first
    cursor = await connection.execute(statement, parameters)
    names = [column.name for column in cursor.description]
    rows = await cursor.fetchall()
    await connection.set_autocommit(False)
    return IteratorResult(SimpleResultMetaData(names), iter(rows))
