"""The addresses that pictures are read from."""

import asyncio
import threading

from imagineai_api.storage import CONNECTIONS

PATIENCE_S = 10


async def test_they_are_made_while_all_that_ask_s3_are_waiting_for_it(place):
    answers = threading.Event()
    waiting = [place.storage._threads.submit(answers.wait) for _ in range(CONNECTIONS)]
    try:
        async with asyncio.timeout(PATIENCE_S):
            addresses, _ = await place.storage.presigned_gets(["a.jpg", "b.jpg"])
    finally:
        answers.set()
    assert ["/a.jpg?" in addresses[0], "/b.jpg?" in addresses[1]] == [True, True]
    assert all(one.result() for one in waiting)
