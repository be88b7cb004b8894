"""Accounts: register, log in and out, rotate refresh tokens."""

import logging
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api import metrics
from imagineai_api.auth.passwords import Passwords
from imagineai_api.auth.schemas import TokenPair
from imagineai_api.database import Database
from imagineai_api.errors import Conflict, Unauthorized
from imagineai_api.identity import Claims, Tokens
from imagineai_api.tables import RefreshToken, User

log = logging.getLogger(__name__)

REFUSED = "The email or the password is wrong."
TAKEN = "A user with this email already exists."
DEAD_TOKEN = "The refresh token is invalid, expired or used already."


async def register(
    database: Database, passwords: Passwords, *, email: str, password: str, full_name: str
) -> dict[str, Any]:
    """Create an account.

    Raises:
        Conflict: There is one with this email, in whatever case.
    """
    hashed = await passwords.hash(password)
    created = (
        insert(User)
        .values(email=email, full_name=full_name, password_hash=hashed)
        .returning(User.id, User.email, User.full_name, User.is_active, User.created_at)
    )
    try:
        async with database.transaction() as connection:
            user = (await connection.execute(created)).mappings().one()
    except IntegrityError as error:
        raise Conflict(TAKEN) from error
    log.info("Account %s was created", user["id"])
    return dict(user)


async def log_in(
    database: Database, passwords: Passwords, tokens: Tokens, *, email: str, password: str
) -> TokenPair:
    """Give a token pair for the right password.

    Raises:
        Unauthorized: Unknown email, wrong password or disabled account, in the same words and time.
    """
    query = select(User.id, User.password_hash, User.is_active).where(
        func.lower(User.email) == func.lower(email)
    )
    # The connection goes back before the hash is computed, which takes long.
    async with database.reading() as connection:
        found = (await connection.execute(query)).one_or_none()
    right = await passwords.matches(password, found.password_hash if found else None)
    if found is None or not right or not found.is_active:
        metrics.logins.labels("refused").inc()
        log.warning("A login was refused", extra=_of(found.id if found else None))
        raise Unauthorized(REFUSED)
    async with database.transaction() as connection:
        pair = await _issue(connection, tokens, found.id, family=uuid4())
    metrics.logins.labels("accepted").inc()
    log.info("A user logged in", extra=_of(found.id))
    return pair


async def refresh(database: Database, tokens: Tokens, *, refresh_token: str) -> TokenPair:
    """Exchange a refresh token; it is dead afterwards, and its second use kills its whole family.

    Raises:
        Unauthorized: Invalid, expired, used, or of a disabled account.
    """
    try:
        claims = tokens.read(refresh_token, "refresh")
    except Unauthorized as error:
        raise Unauthorized(DEAD_TOKEN) from error
    async with database.transaction() as connection:
        pair = await _rotate(connection, tokens, claims)
    if pair is None:
        # By itself: who waited for the token holds it since, and takes the whole family in order here.
        async with database.transaction() as connection:
            revoked = await _revoke_family(connection, claims)
        words = "A dead refresh token was used: %d of its family are revoked"
        log.warning(words, revoked, extra=_of(claims.user_id))
        metrics.refreshes.labels("refused").inc()
        raise Unauthorized(DEAD_TOKEN)
    metrics.refreshes.labels("accepted").inc()
    return pair


async def log_out(database: Database, tokens: Tokens, *, refresh_token: str) -> None:
    """Kill the family of a refresh token, used or not; what is no such token changes nothing."""
    try:
        claims = tokens.read(refresh_token, "refresh")
    except Unauthorized:
        return
    async with database.transaction() as connection:
        revoked = await _revoke_family(connection, claims)
    log.info("A user logged out: %d refresh tokens are revoked", revoked, extra=_of(claims.user_id))


async def _rotate(connection: AsyncConnection, tokens: Tokens, claims: Claims) -> TokenPair | None:
    used = (
        update(RefreshToken)
        .where(
            RefreshToken.id == claims.token_id,
            RefreshToken.user_id == claims.user_id,
            RefreshToken.used_at.is_(None),
            RefreshToken.revoked_at.is_(None),
            RefreshToken.expires_at > func.now(),
            RefreshToken.user_id == User.id,
            User.is_active,
        )
        .values(used_at=func.now())
        .returning(RefreshToken.user_id, RefreshToken.family)
    )
    row = (await connection.execute(used)).one_or_none()
    return None if row is None else await _issue(connection, tokens, row.user_id, family=row.family)


async def _revoke_family(connection: AsyncConnection, claims: Claims) -> int:
    """Revoke all that descend from the same login; gives how many of them were not revoked before."""
    own = select(RefreshToken.family).where(
        RefreshToken.id == claims.token_id, RefreshToken.user_id == claims.user_id
    )
    of_family = RefreshToken.family == own.scalar_subquery()
    # A refresh under way holds its token: its new one is there once that is held here.
    await connection.execute(
        select(RefreshToken.id).where(of_family).order_by(RefreshToken.id).with_for_update()
    )
    killed = update(RefreshToken).where(of_family, RefreshToken.revoked_at.is_(None))
    return (await connection.execute(killed.values(revoked_at=func.now()))).rowcount


async def _issue(connection: AsyncConnection, tokens: Tokens, user_id: UUID, *, family: UUID) -> TokenPair:
    access_token, _ = tokens.issue(user_id, "access")
    refresh_token, claims = tokens.issue(user_id, "refresh")
    await connection.execute(
        insert(RefreshToken).values(
            id=claims.token_id, user_id=user_id, family=family, expires_at=claims.expires_at
        )
    )
    return TokenPair(access_token=access_token, refresh_token=refresh_token)


def _of(user_id: UUID | None) -> dict[str, dict[str, str | None]]:
    """Say in a log line whose event it is."""
    return {"fields": {"user_id": None if user_id is None else str(user_id)}}
