"""A chunk of a batch that meets an absence waits a moment, so that the next one does not meet it at once."""

import asyncio
from dataclasses import replace

from flows import chunk
from imagineai_api.errors import StorageAway
from imagineai_api.jobs import claims
from tests.processing.interposing import Instead


async def test_a_chunk_whose_pictures_cannot_be_read_gives_them_back_and_waits(place, upload, monkeypatch):
    started, waited = await upload(), []

    async def away(*_):
        raise StorageAway

    async def wait(seconds):
        waited.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr(chunk, "asyncio", Instead(asyncio, sleep=wait))
    without_pictures = replace(place, storage=Instead(place.storage, get=away))
    works = await claim(place)
    ended = await chunk.Chunk(without_pictures, started.job_id, works, asyncio.Event()).process()
    assert (ended, waited[-1]) == ("0 images done", chunk.WAIT_S)
    assert [work.image_id for work in await claim(place)] == [work.image_id for work in works]


async def claim(place):
    return await claims.claim(place.database, queue="single", limit=10, lease_s=15, max_attempts=3)
