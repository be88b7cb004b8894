"""What every rival asks of a request before it answers: the service's own token check and rate limit."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from uuid import UUID

from starlette.requests import HTTPConnection

from imagineai_api.database import Database
from imagineai_api.identity import Tokens, authenticate
from imagineai_api.limits import Limits, Tier
from imagineai_api.redis_link import RedisLink
from imagineai_api.settings import Settings


@asynccontextmanager
async def opened(state: SimpleNamespace, settings: Settings) -> AsyncIterator[None]:
    """Hold what ``admitted`` needs in an application's state for the block."""
    state.database, state.tokens = Database(settings), Tokens(settings)
    state.redis = RedisLink(settings)
    state.limits = Limits(settings, state.redis)
    try:
        yield
    finally:
        await state.redis.close()
        await state.database.close()


async def admitted(request: HTTPConnection) -> UUID:
    """Give the user who asks."""
    user = await authenticate(request)
    await request.app.state.limits.count(Tier.READ, str(user.id))
    return user.id
