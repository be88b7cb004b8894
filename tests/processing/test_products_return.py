"""What a product is when its jobs end: also those that end, or begin, at the same moment."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import select, text, update

from imagineai_api.jobs import endings
from imagineai_api.jobs import service as jobs
from imagineai_api.tables import Job, Product

WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
PATIENCE_S = 20


@pytest.fixture
def queued(place, owner, product):
    """A job on the product, which is processing from then on."""

    async def queued():
        job_id = uuid4()
        async with place.database.transaction() as connection:
            values = {"id": job_id, "user_id": owner, "product_id": product, "job_type": "batch"}
            await connection.execute(Job.__table__.insert().values(**values, total_images=1))
            processing = update(Product).where(Product.id == product)
            await connection.execute(processing.values(status="processing"))
        return job_id

    return queued


async def cancel(place, job_id):
    async with place.database.transaction() as connection:
        await connection.execute(select(Job.id).where(Job.id == job_id).with_for_update())
        await endings.cancel(connection, job_id, "It was cancelled.")


async def ends_or_waits(place, task):
    """Until a transaction has ended, or waits for another one."""
    async with asyncio.timeout(PATIENCE_S):
        while not task.done():
            async with place.database.reading() as connection:
                if await connection.scalar(WAITING):
                    return


async def status(place, product):
    async with place.database.reading() as connection:
        return await connection.scalar(select(Product.status).where(Product.id == product))


async def test_the_second_of_two_jobs_that_end_at_once_gives_the_product_its_status_back(
    place, product, queued
):
    first, second = await queued(), await queued()
    async with place.database.transaction() as connection:
        await endings.cancel(connection, first, "It was cancelled.")
        other = asyncio.create_task(cancel(place, second))
        await ends_or_waits(place, other)
    await other
    assert await status(place, product) == "draft"


async def test_a_job_that_is_just_being_started_keeps_the_product_processing(place, owner, product, queued):
    first = await queued()
    async with place.database.transaction() as connection:
        assert await jobs.hold_product(connection, owner, product)
        other = asyncio.create_task(cancel(place, first))
        await ends_or_waits(place, other)
        values = {"id": uuid4(), "user_id": owner, "product_id": product, "job_type": "batch"}
        await connection.execute(Job.__table__.insert().values(**values, total_images=1))
    await other
    assert await status(place, product) == "processing"
