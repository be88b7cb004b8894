"""Reads by the driver itself: the pool's connections come back whole, or not at all."""

import asyncio

import pytest
from sqlalchemy import Uuid, bindparam, func, literal, select

from imagineai_api.database import Database
from imagineai_api.errors import DatabaseAway
from imagineai_api.statements import Prepared

BACKEND = Prepared(select(func.pg_backend_pid().label("pid"), literal("täglich").label("text")))
SLEEP = Prepared(select(func.pg_sleep(bindparam("seconds"))))
CAST = Prepared(select(bindparam("id", type_=Uuid())))


@pytest.fixture
async def database(settings):
    """A pool with a single connection, which gives up soon."""
    database = Database(
        settings.model_copy(update={"database_pool_size": 1, "database_connection_timeout_s": 1})
    )
    yield database
    await database.close()


async def pid(database):
    return (await BACKEND.execute(database.direct)).one().pid


async def test_rows_are_read_by_name_and_the_connection_is_used_again(database):
    row = (await BACKEND.execute(database.direct)).mappings().one()
    assert row["text"] == "täglich"
    assert await pid(database) == row["pid"]


async def test_a_transaction_on_the_same_connection_is_one(database):
    reader = await pid(database)
    async with database.transaction() as connection:
        found = (await BACKEND.execute(connection)).one()
        first, second = [await connection.scalar(select(func.txid_current())) for _ in range(2)]
    assert found.pid == reader
    assert first == second


async def test_a_statement_that_is_given_up_takes_its_connection_with_it(database):
    before = await pid(database)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(SLEEP.execute(database.direct, seconds=30), 0.2)
    assert await pid(database) != before


async def test_a_statement_that_fails_leaves_the_pool_usable(database):
    with pytest.raises(Exception, match="invalid input syntax"):
        await CAST.execute(database.direct, id="no id")
    assert await pid(database)


async def test_no_free_connection_in_time_is_said_as_absence(database):
    async with database.reading():
        with pytest.raises(DatabaseAway):
            await pid(database)
    assert await pid(database)


async def test_a_connection_that_the_server_closed_is_replaced(database, settings):
    before = await pid(database)
    other = Database(settings)
    async with other.transaction() as connection:
        await connection.execute(select(func.pg_terminate_backend(before)))
    await other.close()
    with pytest.raises(DatabaseAway):  # it had answered a moment ago, so nobody asked it again
        await pid(database)
    assert await pid(database) != before
