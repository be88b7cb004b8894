"""Refreshes of one token at once: whoever loses waits for nobody who waits for it."""

import asyncio
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import insert

from imagineai_api.auth import service as auth
from imagineai_api.errors import Unauthorized
from imagineai_api.identity import Tokens
from imagineai_api.tables import RefreshToken

HOLD = "SELECT id FROM refresh_tokens WHERE id = %s FOR UPDATE"
WAITERS = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"


@pytest.fixture
def connect(settings):
    """Open transactions of other refreshes."""
    opened = []

    async def connect():
        address = settings.database_url.replace("+psycopg", "")
        opened.append(await psycopg.AsyncConnection.connect(address))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.pgconn.finish()


async def somebody_waits_for(connection, onlooker):
    """Wait until another session waits for what this one holds."""
    async with asyncio.timeout(30):
        while True:
            found = await onlooker.execute(WAITERS, [connection.info.backend_pid])
            if (await found.fetchone())[0]:
                return
            await onlooker.rollback()


async def test_a_refresh_that_waited_for_its_token_does_not_hold_it_while_it_revokes(
    place, settings, owner, connect
):
    tokens, family = Tokens(settings), uuid4()
    issued = [tokens.issue(owner, "refresh") for _ in range(2)]
    # A family is taken by its ids: it is the token that comes last which must not be held before.
    (_, other), (used, claims) = sorted(issued, key=lambda pair: pair[1].token_id)
    async with place.database.transaction() as connection:
        for one in (claims, other):
            row = {"id": one.token_id, "user_id": owner, "family": family, "expires_at": one.expires_at}
            await connection.execute(insert(RefreshToken).values(**row))
    winner, loser, onlooker = [await connect() for _ in range(3)]
    await winner.execute("UPDATE refresh_tokens SET used_at = now() WHERE id = %s", [claims.token_id])
    await loser.execute(HOLD, [other.token_id])

    refreshing = asyncio.create_task(auth.refresh(place.database, tokens, refresh_token=used))
    await somebody_waits_for(winner, onlooker)
    await winner.commit()
    await somebody_waits_for(loser, onlooker)
    await loser.execute(f"{HOLD} NOWAIT", [claims.token_id])
    await loser.commit()

    with pytest.raises(Unauthorized):
        await refreshing
