"""Being asked to end: a run finishes what it holds, or gives it back, and ends in order."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

FINISH_S = 10.0
"""How long what is held may still take; after that it is cancelled, and goes back."""


@contextmanager
def on_stop(stop: Callable[[], None]) -> Iterator[None]:
    """Call this at SIGTERM, for as long as the block lasts.

    Prefect would raise an exception at whatever line is running, and call the run crashed.
    """
    loop = asyncio.get_running_loop()
    before = signal.signal(signal.SIGTERM, lambda *_: loop.call_soon_threadsafe(stop))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


async def finish(work: Coroutine[Any, Any, Any], stop: asyncio.Event) -> None:
    """Do work to its end, or until ``FINISH_S`` after the stop."""
    doing, told = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait((doing, told), return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    await asyncio.wait((doing,), timeout=FINISH_S)
    if doing.done():
        doing.result()
    else:
        doing.cancel()
        await asyncio.gather(doing, return_exceptions=True)
