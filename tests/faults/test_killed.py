"""Processes killed in the middle of their work: others finish it, once, and watchers see one end."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.contract.wire import eventually, small_photo
from tests.faults import processes
from tests.system import outages
from tests.system.callers import Watcher

BATCH = 40
AT_ONCE = 4
ATTEMPTS = "SELECT image_id::text, attempts FROM job_images WHERE job_id = ANY(%s::uuid[])"
JOB = "SELECT id::text FROM jobs WHERE product_id = %s"
LISTENERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'imagineai-wakeups'"
)
EXHAUSTED = "Processing stopped 3 times without an answer."


@pytest.fixture
def pictures(callers):
    """Images for a batch, each analysed once."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        callers.accepted += pool.map(lambda _: callers.user.upload(callers.product), range(BATCH))
    callers.expect_every_promise_kept()
    return [uploaded["image_id"] for uploaded in callers.accepted]


def attempts(database, *job_ids):
    """How often each image was tried."""
    return dict(database.execute(ATTEMPTS, [list(job_ids)]).fetchall())


# Runs


def test_pictures_in_the_hands_of_a_killed_shift_go_to_the_next(platform, callers, database):
    shift = processes.the_shift(platform, database)
    with outages.paused(shift):
        jobs = [callers.accept()["job_id"] for _ in range(AT_ONCE)]
        watchers = [Watcher(callers.user, job) for job in jobs]
        with processes.in_hand(platform, database, jobs) as claimed:
            shift.resume()
            claimed(AT_ONCE)
            processes.kill(shift)

    callers.expect_every_promise_kept()
    for watcher in watchers:
        watcher.expect_one_end()
    assert set(attempts(database, *jobs).values()) == {2}


@pytest.mark.timeout(600, func_only=True)
def test_a_picture_that_kills_its_process_fails_after_three_attempts_and_alone(platform, callers, database):
    with outages.paused(processes.the_shift(platform, database)):
        deadly, *beside = [callers.user.upload(callers.product) for _ in range(AT_ONCE)]
        watcher = Watcher(callers.user, deadly["job_id"])
        for _ in range(3):
            with processes.in_hand(platform, database, [deadly["job_id"]]) as claimed:
                for process in processes.runs(platform, "interactive"):
                    process.resume()
                claimed(1)
                processes.kill(*processes.runs(platform, "interactive"))

    failed = callers.user.finished(deadly["job_id"])
    assert (failed["status"], failed["error_message"]) == ("failed", EXHAUSTED)
    watcher.expect_one_end("job_failed")
    assert attempts(database, deadly["job_id"]) == {deadly["image_id"]: 3}
    callers.accepted += beside
    callers.expect_every_promise_kept()


@pytest.mark.timeout(600, func_only=True)
def test_a_batch_whose_processes_are_killed_three_times_is_completed(platform, callers, pictures):
    job_id = callers.batch_at_work(pictures)
    watcher = Watcher(callers.user, job_id)

    # Of a run that is killed its worker tells Prefect; of one that dies with its worker nobody does.
    for kill in (kill_runs, kill_runs, kill_worker):
        done = callers.user.job(job_id)["processed_images"]
        eventually(
            lambda: callers.user.job(job_id)["processed_images"],
            lambda now, done=done: now > done,
            processes.NEXT_RUN_WITHIN_S,
        )
        kill(platform)

    eventually(lambda: callers.user.job(job_id)["completed_at"], bool, processes.NEXT_RUN_WITHIN_S)
    callers.expect_batch_completed(job_id, BATCH)
    watcher.expect_one_end()


def kill_runs(platform):
    processes.kill(*processes.runs(platform, "batch"))


def kill_worker(platform):
    processes.kill_part(platform, "batch")


# The API


def test_what_was_answered_just_before_the_api_is_killed_is_completed(platform, callers):
    uploaded = [callers.accept() for _ in range(AT_ONCE)]
    processes.kill_part(platform, "api")

    processes.whole_again(platform)
    callers.expect_every_promise_kept()
    for upload in uploaded:
        Watcher(callers.user, upload["job_id"]).expect_one_end()


def test_an_upload_whose_commit_was_the_apis_last_act_is_completed(platform, callers, database):
    shift = processes.the_shift(platform, database)
    with outages.paused(shift), ThreadPoolExecutor(1) as pool:
        answer = pool.submit(callers.user.send, callers.product, small_photo())
        (job_id,) = eventually(lambda: database.execute(JOB, [callers.product]).fetchone(), bool)
        processes.kill_part(platform, "api")
        with contextlib.suppress(httpx.TransportError):
            answer.result()

    processes.whole_again(platform)
    assert callers.user.finished(job_id)["status"] == "completed"


def test_a_batch_that_was_committed_but_not_ordered_when_the_api_was_killed_is_completed(platform, callers):
    callers.accept()
    callers.expect_every_promise_kept()
    with outages.frozen(platform.home, "prefect"):
        job_id = callers.start_batch([callers.accepted[0]["image_id"]])
        watcher = Watcher(callers.user, job_id)
        processes.kill_part(platform, "api")

    processes.whole_again(platform)
    callers.expect_batch_completed(job_id, 1)
    watcher.expect_one_end()


def test_an_upload_whose_wake_up_nobody_hears_is_found_by_the_poll(callers, database):
    deaf = database.execute(LISTENERS).fetchall()
    job_id = callers.accept()["job_id"]

    assert set(deaf) == {(True,)}
    assert callers.user.finished(job_id)["status"] == "completed"


# Prefect


def test_prefects_server_killed_during_runs_costs_no_job(platform, callers, pictures):
    job_id = callers.batch_at_work(pictures)
    watcher = Watcher(callers.user, job_id)

    with callers.calling():
        processes.kill_part(platform, "prefect")
        callers.expect_batch_completed(job_id, BATCH)
        processes.whole_again(platform)

    callers.expect_every_promise_kept()
    watcher.expect_one_end()
