"""PostgreSQL: one pool, transactions for writes, plain connections for reads, migrations at start."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from alembic import command
from alembic.config import Config
from fastapi import Depends, Request
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    create_engine,
    event,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from imagineai_api.bounded_connection import BoundedConnection
from imagineai_api.direct_reads import DirectReads
from imagineai_api.errors import Contended, DatabaseAway
from imagineai_api.settings import Settings

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 7_463_001
"""The advisory lock under which replicas that start at once migrate one after another."""
HEARD = "heard"
"""When a pooled connection last answered, by ``time.monotonic()``."""
CONTENDED = frozenset({"40001", "40P01", "55P03"})
"""PostgreSQL's codes for a serialization failure, a deadlock and a lock that is not available."""
FRESH_S = 1.0
"""A connection that answered so recently is given out again without a probe."""
ANSWER_MARGIN_S = 2.0
"""So much longer than the server's own bound for a statement its client waits for the answer."""


class Database:
    """The service's connections to PostgreSQL.

    Attributes:
        direct: For prepared statements that only read, at the least cost.

    Raises:
        DatabaseAway: From every method, where PostgreSQL cannot be reached or gives no connection in time.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engine = create_async_engine(
            settings.database_url,
            hide_parameters=True,  # an error in a log or a trace must not carry what somebody sent
            pool_size=settings.database_pool_size,
            max_overflow=0,
            pool_timeout=settings.database_connection_timeout_s,
            pool_recycle=1800,
            connect_args={**_connect_args(settings), "async_creator_fn": self._open},
        )
        _probe_the_silent(self._engine.sync_engine)
        self.direct = DirectReads(self._engine, settings.database_connection_timeout_s)
        self._reads = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._snapshots = self._engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction; it is committed when the block ends, rolled back when it raises."""
        async with _translated(), self._connected(self._engine) as connection, connection.begin():
            yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection without a transaction, for single statements that only read."""
        async with _translated(), self._connected(self._reads) as connection:
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection whose statements all see what the first of them saw; they only read."""
        async with _translated(), self._connected(self._snapshots) as connection, connection.begin():
            yield connection

    async def check(self) -> None:
        """Raise DatabaseAway unless PostgreSQL answers."""
        async with self.reading() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()

    @asynccontextmanager
    async def _connected(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        """Give a connection that was heard to answer, all within one bound: wait, probe and reconnect."""
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(self._settings.database_connection_timeout_s):
                    connection = await stack.enter_async_context(engine.connect())
            except TimeoutError as error:
                raise DatabaseAway from error
            yield connection

    async def _open(self, *arguments: Any, **options: Any) -> BoundedConnection:
        connection = await BoundedConnection.connect(*arguments, **options)
        connection.exchange_s = self._settings.database_timeout_s + ANSWER_MARGIN_S
        return connection


def interval(seconds: float) -> ColumnElement[timedelta]:
    """Give a span of time by the database's clock."""
    return func.make_interval(0, 0, 0, 0, 0, 0, literal(seconds))


async def page(
    connection: AsyncConnection, query: Select[*tuple[Any, ...]], *, limit: int, offset: int
) -> tuple[list[dict[str, Any]], int]:
    """Read a slice of an ordered query, and how many rows it has in all, by one statement.

    Past the end, where no row can carry the total, a second statement counts.
    """
    counted = query.add_columns(func.count().over().label("total")).limit(limit).offset(offset)
    rows = [dict(row) for row in (await connection.execute(counted)).mappings()]
    if rows or offset == 0:
        return rows, rows[0]["total"] if rows else 0
    return [], await connection.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0


def migrate(settings: Settings) -> None:
    """Bring the schema up to date; replicas that start at once take turns.

    Raises:
        DatabaseAway: PostgreSQL cannot be reached.
    """
    engine = create_engine(settings.database_url, connect_args=_connect_args(settings, statement_timeout_s=0))
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK})
            connection.commit()
            try:
                _upgrade(connection)
            finally:
                connection.rollback()
                connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": MIGRATION_LOCK})
                connection.commit()
    except OperationalError as error:
        raise DatabaseAway(f"DATABASE_URL: PostgreSQL cannot be reached ({_first_line(error)}).") from error
    finally:
        engine.dispose()


async def _transaction(request: Request) -> AsyncIterator[AsyncConnection]:
    async with request.app.state.database.transaction() as connection:
        yield connection


async def _reading(request: Request) -> AsyncIterator[AsyncConnection]:
    async with request.app.state.database.reading() as connection:
        yield connection


async def _direct(request: Request) -> DirectReads:
    direct: DirectReads = request.app.state.database.direct
    return direct


async def _snapshot(request: Request) -> AsyncIterator[AsyncConnection]:
    async with request.app.state.database.snapshot() as connection:
        yield connection


# scope="function": the commit comes before the answer, so that no 201 is sent for a row that is lost.
Transaction = Annotated[AsyncConnection, Depends(_transaction, scope="function")]
Reading = Annotated[AsyncConnection, Depends(_reading, scope="function")]
Direct = Annotated[DirectReads, Depends(_direct)]
Snapshot = Annotated[AsyncConnection, Depends(_snapshot, scope="function")]


def _probe_the_silent(engine: Engine) -> None:
    """Have a connection answer before it is given out, unless it has just done so.

    SQLAlchemy's own probe at every turn costs three exchanges, as much as most of what is asked then.
    """

    @event.listens_for(engine, "connect")
    @event.listens_for(engine, "checkin")
    def note(_: object, record: ConnectionPoolEntry) -> None:
        record.info[HEARD] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def probe(connection: DBAPIConnection, record: ConnectionPoolEntry, _: object) -> None:
        if time.monotonic() - record.info[HEARD] < FRESH_S:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.commit()


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError) as error:
        if getattr(getattr(error, "orig", None), "sqlstate", None) in CONTENDED:
            raise Contended from error
        raise DatabaseAway from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise DatabaseAway from error
        raise


def _connect_args(settings: Settings, statement_timeout_s: float | None = None) -> dict[str, object]:
    seconds = settings.database_timeout_s if statement_timeout_s is None else statement_timeout_s
    return {
        "connect_timeout": max(1, round(settings.database_timeout_s / 2)),
        "application_name": "imagineai",
        "options": (
            f"-c statement_timeout={round(seconds * 1000)} -c timezone=UTC"
            # A process that is stopped in the middle of a transaction must not keep its rows from the others.
            f" -c idle_in_transaction_session_timeout={round(settings.database_idle_s * 1000)}"
        ),
        "keepalives_idle": 30,
    }


def _first_line(error: Exception) -> str:
    return str(error.__cause__ or error).strip().splitlines()[0]
