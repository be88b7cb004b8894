"""How often somebody may ask: five tiers, counted in Redis by a moving window."""

import logging
import math
import time
from contextlib import suppress
from enum import StrEnum
from uuid import UUID, uuid4

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from starlette.requests import HTTPConnection

from imagineai_api import metrics
from imagineai_api.errors import RedisAway, TooManyRequests
from imagineai_api.redis_link import RedisLink
from imagineai_api.settings import Settings

log = logging.getLogger(__name__)

PLACE_LIFETIME_S = 60
"""A socket that has not renewed its place for so long is taken for dead."""

TAKE_PLACE = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[5])
return 1
"""


class Tier(StrEnum):
    """The tiers of the reference."""

    AUTH = "auth"
    UPLOAD = "upload"
    ANALYSIS = "analysis"
    READ = "read"


class Limits:
    """Counts requests and open sockets."""

    def __init__(self, settings: Settings, redis: RedisLink) -> None:
        self._rates: dict[Tier, RateLimitItem] = {
            tier: parse(getattr(settings, f"rate_limit_{tier}")) for tier in Tier
        }
        self._proxies = frozenset(settings.proxies)
        self._sockets_per_user = settings.websockets_per_user
        self._redis = redis
        self._shared = MovingWindowRateLimiter(
            RedisStorage(
                f"async+{settings.redis_url}",
                implementation="redispy",
                key_prefix="imagineai:limit",
                # The link's own connections, which are closed with it.
                connection_pool=redis.client.connection_pool,  # type: ignore[arg-type]
            )
        )
        self._own = MovingWindowRateLimiter(MemoryStorage())

    async def count(self, tier: Tier, who: str) -> None:
        """Count one request.

        Redis being away lets every tier pass but authentication, which stays limited in this process.

        Raises:
            TooManyRequests: Over the limit; Retry-After says for how many seconds.
        """
        try:
            with self._redis.attempt():
                await self._count(self._shared, tier, who)
        except RedisAway:
            if tier is Tier.AUTH:
                await self._count(self._own, tier, who)

    def address(self, connection: HTTPConnection) -> str:
        """Give the address of the client; X-Forwarded-For counts only behind a trusted proxy."""
        address = connection.client.host if connection.client else "unknown"
        # Some proxies add to the header, others add a header: the lines make one list.
        told = ",".join(connection.headers.getlist("x-forwarded-for"))
        hops = [hop.strip() for hop in told.split(",") if hop.strip()]
        while address in self._proxies and hops:
            address = hops.pop()
        return address

    async def take_socket(self, user_id: UUID) -> str | None:
        """Take one of a user's places for sockets; None where Redis is away, which lets it pass.

        Raises:
            TooManyRequests: All places are taken.
        """
        now, place = time.time(), uuid4().hex
        values: list[str | float] = [
            _places(user_id),
            now - PLACE_LIFETIME_S,
            now,
            self._sockets_per_user,
            place,
        ]
        try:
            with self._redis.attempt():
                taken = await self._redis.client.eval(TAKE_PLACE, 1, *values, PLACE_LIFETIME_S)
        except RedisAway:
            return None
        if not taken:
            metrics.rate_limited.labels("websocket").inc()
            log.warning("A socket was refused: user %s has %d open", user_id, self._sockets_per_user)
            raise TooManyRequests(f"At most {self._sockets_per_user} sockets may be open at once.")
        return place

    async def keep_socket(self, user_id: UUID, place: str) -> None:
        """Say that a socket is still alive."""
        with suppress(RedisAway), self._redis.attempt():
            await self._redis.client.zadd(_places(user_id), {place: time.time()})
            await self._redis.client.expire(_places(user_id), PLACE_LIFETIME_S)

    async def free_socket(self, user_id: UUID, place: str) -> None:
        """Give a place back; where Redis is away it lapses by itself."""
        with suppress(RedisAway), self._redis.attempt():
            await self._redis.client.zrem(_places(user_id), place)

    async def _count(self, limiter: MovingWindowRateLimiter, tier: Tier, who: str) -> None:
        rate = self._rates[tier]
        if await limiter.hit(rate, tier.value, who):
            return
        window = await limiter.get_window_stats(rate, tier.value, who)
        wait_s = max(1, math.ceil(window.reset_time - time.time()))
        metrics.rate_limited.labels(tier.value).inc()
        log.warning("Rate limit %s reached by %s", tier.value, who)
        raise TooManyRequests(
            f"At most {rate.amount} requests in {rate.get_expiry()} seconds: wait {wait_s} seconds.",
            headers={"Retry-After": str(wait_s)},
        )


def _places(user_id: UUID) -> str:
    return f"imagineai:sockets:{user_id}"
