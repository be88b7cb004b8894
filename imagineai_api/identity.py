"""Who is asking: tokens and the user behind them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

import jwt
from sqlalchemy import Uuid, bindparam, select
from starlette.requests import HTTPConnection

from imagineai_api.errors import Unauthorized
from imagineai_api.settings import Settings
from imagineai_api.statements import Prepared
from imagineai_api.tables import User

ALGORITHM = "HS256"
CLAIMS = ["sub", "type", "jti", "iat", "exp"]
BEARER = "bearer"

ACTIVE_USER = Prepared(
    select(User.id, User.email, User.full_name, User.is_active, User.created_at, User.role).where(
        User.id == bindparam("user_id", type_=Uuid()), User.is_active
    )
)
TokenType = Literal["access", "refresh"]


@dataclass(frozen=True)
class Claims:
    """What a valid token says: whose it is, its own id and when it ends."""

    user_id: UUID
    token_id: UUID
    expires_at: datetime


@dataclass(frozen=True)
class CurrentUser:
    """The active user behind a request."""

    id: UUID
    email: str
    full_name: str
    is_active: bool
    created_at: datetime
    role: str


class Tokens:
    """Signs and reads the service's JSON Web Tokens (RFC 7519)."""

    def __init__(self, settings: Settings) -> None:
        self._key = settings.jwt_secret_key
        self._lifetimes: dict[TokenType, timedelta] = {
            "access": timedelta(minutes=settings.access_token_minutes),
            "refresh": timedelta(days=settings.refresh_token_days),
        }

    def issue(self, user_id: UUID, kind: TokenType) -> tuple[str, Claims]:
        """Sign a new token; also give what it says."""
        now = datetime.now(UTC)
        claims = Claims(user_id, uuid4(), now + self._lifetimes[kind])
        payload = {
            "sub": str(user_id),
            "type": kind,
            "jti": str(claims.token_id),
            "iat": now,
            "exp": claims.expires_at,
        }
        return jwt.encode(payload, self._key, ALGORITHM), claims

    def read(self, token: str, kind: TokenType) -> Claims:
        """Check a token of one kind.

        Raises:
            Unauthorized: Badly signed, expired, of the other kind, or without a claim.
        """
        try:
            payload: dict[str, Any] = jwt.decode(token, self._key, [ALGORITHM], options={"require": CLAIMS})
            if payload["type"] != kind:
                raise Unauthorized
            return Claims(
                UUID(payload["sub"]), UUID(payload["jti"]), datetime.fromtimestamp(payload["exp"], UTC)
            )
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError, OverflowError) as error:
            raise Unauthorized from error


async def authenticate(connection: HTTPConnection) -> CurrentUser:
    """Find the user of a request's bearer token.

    Raises:
        Unauthorized: No valid access token, or the account is gone or disabled.
    """
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != BEARER or not token:
        raise Unauthorized
    return await user_of_token(connection, token.strip())


async def user_of_token(connection: HTTPConnection, token: str) -> CurrentUser:
    """Find the active user of an access token.

    Raises:
        Unauthorized: The token is not valid, or the account is gone or disabled.
    """
    state = connection.app.state
    claims = state.tokens.read(token, "access")
    row = (await ACTIVE_USER.execute(state.database.direct, user_id=claims.user_id)).one_or_none()
    if row is None:
        raise Unauthorized
    return CurrentUser(*tuple(row))
