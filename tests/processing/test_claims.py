"""Leases: who may work on an image, and whose late writes are thrown away."""

import asyncio

import pytest
from sqlalchemy import select

from flows.steps import ImageRun
from imagineai_api.errors import Superseded
from imagineai_api.jobs import claims, progress
from imagineai_api.jobs import service as jobs
from imagineai_api.tables import Job, JobImage, JobStep

NO_TIME = 0.0
LONG = 60.0


async def claim(place, job_id, lease_s=LONG, limit=10):
    return await claims.claim(
        place.database, queue="single", limit=limit, lease_s=lease_s, max_attempts=3, job_id=job_id
    )


async def row(place, table, *where):
    async with place.database.reading() as connection:
        return (await connection.execute(select(table.__table__).where(*where))).mappings().one()


async def test_two_workers_never_get_the_same_image(place, upload):
    uploaded = await upload()

    claims = await asyncio.gather(*(claim(place, uploaded.job_id) for _ in range(8)))

    assert sum(len(claimed) for claimed in claims) == 1


async def test_a_held_image_is_not_given_away(place, upload):
    uploaded = await upload()
    await claim(place, uploaded.job_id)

    assert await claim(place, uploaded.job_id) == []


async def test_a_lapsed_lease_goes_to_the_next_worker_as_its_second_attempt(place, upload):
    uploaded = await upload()
    await claim(place, uploaded.job_id, lease_s=NO_TIME)

    (again,) = await claim(place, uploaded.job_id)

    assert again.attempts == 2


async def test_a_worker_whose_lease_was_taken_over_writes_nothing(place, upload):
    uploaded = await upload()
    (late,) = await claim(place, uploaded.job_id, lease_s=NO_TIME)
    await claim(place, uploaded.job_id)

    with pytest.raises(Superseded):
        async with ImageRun(place, late, None).step("preprocess"):
            pytest.fail("the step began")

    step = await row(place, JobStep, JobStep.job_id == uploaded.job_id, JobStep.step_name == "preprocess")
    assert step["status"] == "pending"


async def test_an_image_handed_back_has_lost_no_attempt_and_leaves_no_step_running(place, upload):
    uploaded = await upload()
    (work,) = await claim(place, uploaded.job_id)
    async with progress.change(place.database, place.redis, work, lease_s=LONG) as changed:
        await changed.start("preprocess")

    await claims.hand_back(place.database, work)

    image = await row(place, JobImage, JobImage.job_id == uploaded.job_id)
    step = await row(place, JobStep, JobStep.job_id == uploaded.job_id, JobStep.step_name == "preprocess")
    assert (image["status"], image["attempts"], step["status"]) == ("queued", 0, "pending")


async def test_a_picture_that_kills_its_worker_three_times_fails_alone_and_in_words(place, upload):
    deadly, harmless = await upload(), await upload()
    for _ in range(3):
        assert await claim(place, deadly.job_id, lease_s=NO_TIME)

    assert await claim(place, deadly.job_id) == []
    await progress.fail_exhausted(place.database, place.redis, queue="single", max_attempts=3)

    failed = await row(place, Job, Job.id == deadly.job_id)
    assert (failed["status"], failed["error_message"]) == (
        "failed",
        "Processing stopped 3 times without an answer.",
    )
    assert (await row(place, Job, Job.id == harmless.job_id))["status"] == "queued"


async def test_a_cancelled_job_takes_no_late_result(place, owner, upload):
    uploaded = await upload()
    (work,) = await claim(place, uploaded.job_id)
    run = ImageRun(place, work, None)
    async with run.step("preprocess") as report:
        report.data = {"file_size_bytes": 1}
    async with place.database.transaction() as connection:
        await jobs.cancel(connection, owner, uploaded.job_id)

    with pytest.raises(Superseded):
        async with run.step("classify"):
            pytest.fail("the step began")

    assert (await row(place, Job, Job.id == uploaded.job_id))["status"] == "cancelled"
    async with place.database.reading() as connection:
        steps = await connection.scalars(select(JobStep.status).where(JobStep.job_id == uploaded.job_id))
        assert set(steps) == {"skipped"}


async def test_the_numbers_of_events_grow_without_a_gap_and_progress_never_falls(place, upload):
    uploaded = await upload()
    told = []
    for _ in range(2):
        (work,) = await claim(place, uploaded.job_id)
        for step in ("preprocess", "classify"):
            async with progress.change(place.database, place.redis, work, lease_s=NO_TIME) as changed:
                await changed.start(step)
                await changed.end(progress.StepEnd(step, "completed", 1.0))
            told += changed.events

    assert [event.seq for event in told] == list(range(1, len(told) + 1))
    completed = [event.progress[0] for event in told]
    assert completed == sorted(completed)
