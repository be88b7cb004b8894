"""The service's way to Redis: bounded calls, and what they know together of its absence."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from imagineai_api.errors import ImagineAIError, RedisAway
from imagineai_api.settings import Settings

log = logging.getLogger(__name__)

CONNECT_S = 1
ANSWER_S = 2
SPARED_S = 2
"""How long nobody waits for Redis after a call that failed; then one call looks again."""
# A pooled connection that Redis closed meanwhile is opened anew, once; a Redis that is silent is left alone.
RETRY = Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,))


class RedisLink:
    """A pool of connections to Redis."""

    def __init__(self, settings: Settings) -> None:
        self.client = Redis.from_url(
            settings.redis_url,
            socket_connect_timeout=CONNECT_S,
            socket_timeout=ANSWER_S,
            retry=RETRY,
            health_check_interval=15,
            client_name="imagineai",
        )
        self._away = False
        self._spared_until = 0.0

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Call Redis in the block, on whichever connection.

        Raises:
            RedisAway: The call failed; at once where another failed a moment ago.
        """
        if time.monotonic() < self._spared_until:
            raise RedisAway
        if self._away:
            self._spare()  # the others go on without it while this one looks
        try:
            yield
        except (RedisError, OSError) as error:
            if not self._away:
                log.warning("Redis is away: %s", error)
            self._away = True
            self._spare()
            raise RedisAway from error
        except ImagineAIError:
            self._note_answer()  # what was made of it, a refusal for one, is no absence
            raise
        self._note_answer()

    async def check(self) -> None:
        """Raise RedisAway unless Redis answers now."""
        try:
            await self.client.ping()
        except (RedisError, OSError) as error:
            raise RedisAway from error

    async def close(self) -> None:
        """Close the connections."""
        await self.client.aclose()

    def _note_answer(self) -> None:
        if self._away:
            log.info("Redis is back")
        self._away, self._spared_until = False, 0.0

    def _spare(self) -> None:
        self._spared_until = time.monotonic() + SPARED_S
