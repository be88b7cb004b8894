"""Who is signed in at the operators' page: a row for each session, looked at anew with each request."""

import hashlib
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from imagineai_api.auth.passwords import Passwords
from imagineai_api.bounded_connection import BoundedConnection
from imagineai_api.errors import DatabaseAway, Forbidden, Unauthorized
from imagineai_api.settings import Settings

log = logging.getLogger(__name__)

ADMIN = "admin"
REFUSED = "The email or the password is wrong."
NO_OPERATOR = (
    "This account is not an operator's. Whoever runs the platform makes it one: make admin EMAIL=its@address."
)
SIGN_IN = "Sign in to go on."
TOKEN_BYTES = 32
CONNECTIONS = 4

ACCOUNT = "SELECT id, password_hash, is_active, role FROM users WHERE lower(email) = lower(%(email)s)"
BEGIN = "INSERT INTO operator_sessions (token_hash, user_id) VALUES (%(token)s, %(user_id)s)"
END = "DELETE FROM operator_sessions WHERE token_hash = %(token)s"
FORGET = "DELETE FROM operator_sessions WHERE created_at < now() - %(whole)s OR used_at < now() - %(idle)s"
# Noted once a minute: a page asks for many files at once.
FIND = """
WITH known AS (
    SELECT token_hash, used_at, users.id, full_name, email, role
    FROM operator_sessions JOIN users ON users.id = user_id
    WHERE token_hash = %(token)s AND is_active
        AND operator_sessions.created_at > now() - %(whole)s AND used_at > now() - %(idle)s
), used AS (
    UPDATE operator_sessions SET used_at = now()
    WHERE token_hash = (SELECT token_hash FROM known WHERE used_at < now() - interval '1 minute')
)
SELECT id, full_name, email, role FROM known
"""


@dataclass(frozen=True)
class Operator:
    """An active user with the role, behind a session."""

    id: UUID
    full_name: str
    email: str


class Sessions:
    """Begins, finds and ends sessions. The browser holds a random token, the database its hash.

    Raises:
        DatabaseAway: From every method, where PostgreSQL cannot be reached.
    """

    def __init__(self, settings: Settings) -> None:
        self._lifetimes = {
            "whole": timedelta(hours=settings.operators_session_hours),
            "idle": timedelta(minutes=settings.operators_session_minutes),
        }
        self._passwords = Passwords()
        self._pool = AsyncConnectionPool(
            settings.database_url.replace("postgresql+psycopg:", "postgresql:", 1),
            connection_class=BoundedConnection,
            min_size=1,
            max_size=CONNECTIONS,
            timeout=settings.database_connection_timeout_s,
            check=AsyncConnectionPool.check_connection,
            kwargs={
                "autocommit": True,
                "application_name": "imagineai-operators",
                "options": f"-c statement_timeout={round(settings.database_timeout_s * 1000)}",
            },
            open=False,
        )

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Keep connections for as long as the block lasts."""
        async with self._pool:
            yield

    async def begin(self, email: str, password: str) -> str:
        """Begin a session for the right password of an operator, and give its token.

        Raises:
            Unauthorized: Unknown email, wrong password or disabled account, in the same words and time.
            Forbidden: The account has not the role.
        """
        account = await self._row(ACCOUNT, email=email) if "\0" not in email else None
        right = await self._passwords.matches(password, account[1] if account else None)
        if account is None or not right or not account[2]:
            log.warning("A sign-in was refused: the password")
            raise Unauthorized(REFUSED)
        if account[3] != ADMIN:
            log.warning("A sign-in was refused: user %s is no operator", account[0])
            raise Forbidden(NO_OPERATOR)
        token = secrets.token_urlsafe(TOKEN_BYTES)
        await self._do(FORGET, **self._lifetimes)
        await self._do(BEGIN, token=_hash(token), user_id=account[0])
        log.info("Operator %s signed in", account[0])
        return token

    async def find(self, token: str | None) -> Operator:
        """Find the operator of a session.

        Raises:
            Unauthorized: There is no such session, it is over, or its account is gone or disabled.
            Forbidden: The role was taken from its account.
        """
        row = await self._row(FIND, token=_hash(token), **self._lifetimes) if token else None
        if row is None:
            raise Unauthorized(SIGN_IN)
        *who, role = row
        if role != ADMIN:
            raise Forbidden(NO_OPERATOR)
        return Operator(*who)

    async def end(self, token: str | None) -> None:
        """End a session, if it is one."""
        if token:
            await self._do(END, token=_hash(token))

    async def _row(self, statement: str, **values: object) -> TupleRow | None:
        async with self._connection() as connection:
            return await (await connection.execute(statement, values)).fetchone()

    async def _do(self, statement: str, **values: object) -> None:
        async with self._connection() as connection:
            await connection.execute(statement, values)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[BoundedConnection]:
        try:
            async with self._pool.connection() as connection:
                yield connection
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
            raise DatabaseAway from error


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
