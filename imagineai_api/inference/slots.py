"""The threads that compute: as many as there are slots, uploads before batches."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Answer = TypeVar("Answer")

PATIENT_TURN = 8
"""Every eighth slot that comes free goes to who is patient, so that no load keeps them waiting for ever."""


class Slots:
    """Runs calls in threads, the urgent ones first.

    Args:
        count: How many calls run at once.
    """

    def __init__(self, count: int) -> None:
        self._threads = ThreadPoolExecutor(count, "inference")
        self._free = count
        self._given = 0
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._patient: deque[asyncio.Future[None]] = deque()

    async def run(self, call: Callable[..., Answer], *arguments: object, urgent: bool = True) -> Answer:
        """Call in a thread once a slot is free; an urgent call goes before those that are not."""
        await self._take(self._urgent if urgent else self._patient)
        try:
            computing = asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)
        except BaseException:
            self._give()
            raise
        # A caller that gives up leaves its thread at work: the slot is free when that has ended.
        computing.add_done_callback(lambda _: self._give())
        return await asyncio.shield(computing)

    @property
    def waiting(self) -> int:
        """How many urgent calls wait for a slot."""
        return sum(not turn.done() for turn in self._urgent)

    def close(self) -> None:
        """Let running calls end, then free the threads."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def _take(self, queue: deque[asyncio.Future[None]]) -> None:
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give()  # the slot had come in the very moment that its caller gave up
            raise

    def _give(self) -> None:
        self._given += 1
        queues = (self._urgent, self._patient)
        for queue in queues if self._given % PATIENT_TURN else queues[::-1]:
            while queue:
                turn = queue.popleft()
                if not turn.done():
                    turn.set_result(None)
                    return
        self._free += 1
