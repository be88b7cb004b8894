"""A run that outlasts what is away for a while."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from imagineai_api.errors import Unavailable

log = logging.getLogger(__name__)

WAIT_S = 1.0


async def until_done(turn: Callable[[], Awaitable[bool]], stop: asyncio.Event) -> bool:
    """Take turns until one says that all is done, over every absence of a part; False when stopped before."""
    while not stop.is_set():
        try:
            if await turn():
                return True
        except Unavailable as error:
            log.warning("The run waits: %s", error)
            await asyncio.sleep(WAIT_S)
    return False
