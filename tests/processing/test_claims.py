"""Leases: who may work on an image, and whose late writes are thrown away."""

import asyncio

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from flows.steps import ImageRun
from imagineai_api.errors import Superseded
from imagineai_api.jobs import claims, progress
from imagineai_api.jobs import service as jobs
from imagineai_api.jobs.changes import Change, StepEnd, StepStart
from imagineai_api.tables import Job, JobImage, JobStep

NO_TIME = 0.0
LONG = 60.0


async def claim(place, job_id, lease_s=LONG, **options):
    return await claims.claim(
        place.database,
        queue="single",
        limit=10,
        lease_s=lease_s,
        max_attempts=3,
        job_id=job_id,
        **options,
    )


async def claim_again(place, job_id, lease_s=LONG):
    return await claim(place, job_id, lease_s, suspects=True)


async def write(place, *changes, lease_s=LONG):
    async with progress.writing(place.database, place.redis, changes, lease_s=lease_s) as writing:
        return writing.held


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

    (again,) = await claim_again(place, uploaded.job_id)

    assert again.attempt == 2


async def test_a_worker_whose_lease_was_taken_over_writes_nothing(place, upload):
    uploaded = await upload()
    (late,) = await claim(place, uploaded.job_id, lease_s=NO_TIME)
    await claim_again(place, uploaded.job_id)
    run = ImageRun(place, late, None)

    with pytest.raises(Superseded):
        await run.fail("Too late.")

    step = await row(place, JobStep, JobStep.job_id == uploaded.job_id, JobStep.step_name == "preprocess")
    assert step["status"] == "pending"
    assert (await row(place, Job, Job.id == uploaded.job_id))["status"] == "queued"


async def test_an_image_handed_back_has_lost_no_attempt_and_leaves_no_step_running(place, upload):
    uploaded = await upload()
    (work,) = await claim(place, uploaded.job_id)
    await write(place, Change(work, steps=[StepStart("preprocess")]))

    await claims.hand_back(place.database, work)

    image = await row(place, JobImage, JobImage.job_id == uploaded.job_id)
    step = await row(place, JobStep, JobStep.job_id == uploaded.job_id, JobStep.step_name == "preprocess")
    assert (image["status"], image["attempts"], step["status"]) == ("queued", 0, "pending")


async def test_an_image_in_stock_has_lost_no_attempt_when_its_worker_dies(place, upload):
    uploaded = await upload()

    for _ in range(4):
        assert len(await claim(place, uploaded.job_id, lease_s=NO_TIME, counted=False)) == 1


async def test_the_first_thing_written_of_an_image_in_stock_counts_its_attempt(place, upload):
    uploaded = await upload()
    (work,) = await claim(place, uploaded.job_id, counted=False)

    await write(place, Change(work, begins=True, steps=[StepStart("preprocess")]), lease_s=NO_TIME)

    assert await claim(place, uploaded.job_id) == []
    (again,) = await claim_again(place, uploaded.job_id)
    assert again.attempt == 2


async def test_an_image_whose_prediction_was_lost_has_lost_an_attempt(place, upload):
    uploaded = await upload()
    (work,) = await claim(place, uploaded.job_id)

    await claims.give_up(place.database, work)

    (again,) = await claim_again(place, uploaded.job_id)
    assert again.attempt == 2


async def test_a_worker_that_holds_an_image_again_writes_nothing_under_its_first_lease(place, upload):
    uploaded = await upload()
    (late,) = await claim(place, uploaded.job_id, lease_s=NO_TIME)
    (again,) = await claim_again(place, uploaded.job_id)

    held = await write(
        place, Change(late, ended="failed", error="Too late."), Change(again, steps=[StepStart("preprocess")])
    )

    assert [change.work for change in held] == [again]
    image = await row(place, JobImage, JobImage.job_id == uploaded.job_id)
    assert (image["status"], image["attempts"]) == ("processing", 2)


async def test_what_is_written_again_after_a_lost_answer_counts_no_second_attempt(place, upload):
    uploaded = await upload()
    (work,) = await claim(place, uploaded.job_id, counted=False)
    begin = Change(work, begins=True, steps=[StepStart("preprocess")])

    for _ in range(2):
        assert await write(place, begin)

    assert (await row(place, JobImage, JobImage.job_id == uploaded.job_id))["attempts"] == 1


async def test_a_picture_that_kills_its_worker_three_times_fails_alone_and_in_words(place, upload):
    deadly, harmless = await upload(), await upload()
    assert await claim(place, deadly.job_id, lease_s=NO_TIME)
    for _ in range(2):
        assert await claim_again(place, deadly.job_id, lease_s=NO_TIME)

    assert await claim_again(place, deadly.job_id) == []
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
        await run.fail("Too late.")

    assert (await row(place, Job, Job.id == uploaded.job_id))["status"] == "cancelled"
    async with place.database.reading() as connection:
        steps = await connection.scalars(select(JobStep.status).where(JobStep.job_id == uploaded.job_id))
        assert set(steps) == {"skipped"}


async def test_the_last_event_tells_no_less_than_was_told_before_the_attempt_that_failed(
    place, owner, upload
):
    uploaded = await upload()
    (work,) = await claim(place, uploaded.job_id, lease_s=NO_TIME)
    done = [StepEnd(step, "completed", 1.0) for step in ("preprocess", "classify")]
    await write(place, Change(work, steps=done), lease_s=NO_TIME)
    (work,) = await claim_again(place, uploaded.job_id)
    await write(place, Change(work, steps=[StepStart("preprocess")]))

    async with place.database.transaction() as connection:
        last = await jobs.cancel(connection, owner, uploaded.job_id)

    assert last.progress == (2, 5)


async def test_one_change_that_cannot_be_written_keeps_no_other_from_being_written(place, upload):
    broken, sound = await upload(), await upload()
    runs = []
    for uploaded in (broken, sound):
        (work,) = await claim(place, uploaded.job_id)
        runs.append(ImageRun(place, work, None))
    unwritable = StepEnd("preprocess", "no such status", 1.0)

    outcomes = await asyncio.gather(
        runs[0].fail("It fails.", unwritable), runs[1].fail("It fails too."), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes] == [IntegrityError, type(None)]
    assert (await row(place, Job, Job.id == sound.job_id))["status"] == "failed"
    assert (await row(place, Job, Job.id == broken.job_id))["status"] == "queued"


async def test_the_numbers_of_events_grow_without_a_gap_and_progress_never_falls(place, upload):
    uploaded = await upload()
    told = []
    for attempt in range(2):
        (work,) = await (claim_again if attempt else claim)(place, uploaded.job_id)
        for step in ("preprocess", "classify"):
            steps = [StepStart(step), StepEnd(step, "completed", 1.0)]
            await write(place, Change(work, steps=steps), lease_s=NO_TIME)
            async with place.database.reading() as connection:
                told.append((await jobs.events_since(connection, uploaded.job_id, 0))[-1])

    assert [event.seq for event in told] == [2, 4, 6, 8]
    completed = [event.progress[0] for event in told]
    assert completed == [1, 2, 2, 2]
