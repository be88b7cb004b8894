"""Answers for clients that may close their connection first: what they asked for then ends."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.types import Receive

Answer = TypeVar("Answer")

CLIENT_GONE = 499
"""What proxies log for a client that did not wait for its answer."""


async def unless_gone(receive: Receive, call: Coroutine[Any, Any, Answer]) -> Answer | None:
    """Give what a call answers; None where the client closes its connection first: the call is cancelled.

    Args:
        receive: Of the request, whose body has been read.
        call: What answers it.
    """
    answering, gone = asyncio.create_task(call), asyncio.create_task(_until_gone(receive))
    try:
        await asyncio.wait((answering, gone), return_when=asyncio.FIRST_COMPLETED)
        return answering.result() if answering.done() else None
    finally:
        answering.cancel()
        gone.cancel()
        await asyncio.gather(answering, gone, return_exceptions=True)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
