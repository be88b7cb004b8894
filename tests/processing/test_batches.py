"""A run of a batch that cannot begin gives its place back: a training that would make a model may need it."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import func

from flows import batch
from imagineai_api.tables import Job


@pytest.fixture
def queued(place, owner, product):
    """A batch that waits for its run, or has ended before."""

    async def queued(**values):
        fields = {
            "id": uuid4(),
            "user_id": owner,
            "product_id": product,
            "job_type": "batch",
            "total_images": 1,
        }
        async with place.database.transaction() as connection:
            await connection.execute(Job.__table__.insert().values(**fields, **values))
        return fields["id"]

    return queued


async def test_without_a_model_it_ends_before_the_batch(place, queued, monkeypatch):
    monkeypatch.setattr(batch, "PATIENCE_S", 0.1)
    assert not await batch._has_begun(place, await queued(), asyncio.Event())


async def test_of_a_batch_that_has_ended_it_asks_for_no_model(place, queued):
    ended = await queued(status="cancelled", completed_at=func.now())
    assert await batch._has_begun(place, ended, asyncio.Event())
