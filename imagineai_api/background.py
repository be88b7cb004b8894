"""Work that goes on for as long as the service runs."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

log = logging.getLogger(__name__)

AGAIN_AFTER_S = 1.0


@asynccontextmanager
async def working(*works: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Do every work beside the block; one that a fault ends is logged and begun again."""
    tasks = [asyncio.create_task(_keep(work)) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep(work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
        except Exception:
            log.exception("%s met a fault and begins again", getattr(work, "__qualname__", work))
        await asyncio.sleep(AGAIN_AFTER_S)
