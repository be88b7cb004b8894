"""Watchers of a job: what happens while they read is not passed over."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from imagineai_api.events import Hub
from imagineai_api.jobs.changes import Change, StepEnd, StepStart
from imagineai_api.live.lookout import Lookout
from imagineai_api.live.routes import follow
from imagineai_api.tables import STEPS
from tests.processing.test_claims import claim, write


class Interrupted:
    """A database where something happens once, after the first statement of the first connection."""

    def __init__(self, database, happens):
        self._database, self._happens = database, happens
        self.happened = asyncio.Event()

    @asynccontextmanager
    async def reading(self):
        async with self._database.reading() as connection:
            yield _Connection(connection, self)

    @asynccontextmanager
    async def snapshot(self):
        async with self._database.snapshot() as connection:
            yield _Connection(connection, self)

    async def executed(self):
        if not self.happened.is_set():
            await self._happens()
            self.happened.set()


class _Connection:
    def __init__(self, connection, interrupted):
        self._connection, self._interrupted = connection, interrupted

    async def execute(self, *arguments):
        result = await self._connection.execute(*arguments)
        await self._interrupted.executed()
        return result


@pytest.fixture
async def hub(settings):
    """The sockets' hub, without a word from Redis."""
    hub = Hub(settings)
    yield hub
    await hub.close()


async def test_a_job_that_ends_between_two_reads_hides_no_step_behind_its_end(place, upload, hub):
    uploaded = await upload()
    (work,) = await claim(place, uploaded.job_id)
    steps = [change for step in STEPS for change in (StepStart(step), StepEnd(step, "completed", 1.0))]
    await write(place, Change(work, steps=steps[:2]))

    async def complete():
        await write(place, Change(work, steps=steps[2:], ended="completed"))

    async def watch():
        return [event async for event in follow(hub, interrupted, uploaded.job_id, 2)]

    interrupted = Interrupted(place.database, complete)
    watching = asyncio.create_task(watch())
    await interrupted.happened.wait()
    await Lookout(hub, place.database).look()
    seen = await watching

    assert [(event.step, event.status) for event in seen[:-1]] == [(step, "completed") for step in STEPS[1:]]
    assert seen[-1].type == "job_complete"
