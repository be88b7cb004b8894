"""A shift stopped past its leases that goes on later: others did its work, and it writes nothing."""

import random
import threading

import pytest

from tests import platforms
from tests.faults import processes
from tests.system.callers import Watcher

AT_ONCE = 4
LONGEST_GO_S = 0.05
IN_HAND = """
SELECT job_id::text FROM job_images WHERE job_id = ANY(%s::uuid[]) AND status = 'processing'
"""
ROWS = """
SELECT job_id, attempts, lease_token, event_seq FROM job_images JOIN jobs ON jobs.id = job_id
WHERE job_id = ANY(%s::uuid[]) ORDER BY job_id
"""


@pytest.mark.parametrize("within", [False, True], ids=["between transactions", "within a transaction"])
def test_a_shift_stopped_past_its_leases_finds_its_work_done_by_others_and_writes_nothing(
    platform, callers, database, within
):
    shift = processes.the_shift(platform, database)
    held = stop_at_work(callers, database, shift, within=within)
    watchers = [Watcher(callers.user, job_id) for job_id in held]

    try:
        callers.expect_every_promise_kept()
        for watcher in watchers:
            watcher.expect_one_end()
        done = database.execute(ROWS, [held]).fetchall()
    finally:
        shift.resume()
    shift.terminate()  # it finishes what it holds
    platforms.until(lambda: not shift.is_running(), "the end of the late shift")

    assert {attempts for _, attempts, _, _ in done} == {2}
    assert database.execute(ROWS, [held]).fetchall() == done
    callers.expect_every_promise_kept()


def stop_at_work(callers, database, shift, *, within):
    """Stop a shift with pictures in hand, with or without a transaction that it has begun; give the jobs."""
    while True:
        shift.suspend()
        jobs = [callers.accept()["job_id"] for _ in range(AT_ONCE)]
        while not all(callers.user.job(job)["status"] == "completed" for job in jobs):
            shift.resume()
            threading.Event().wait(random.uniform(0, LONGEST_GO_S))
            shift.suspend()
            open_ones = processes.transactions(database, shift)
            held = [job for (job,) in database.execute(IN_HAND, [jobs]).fetchall()]
            if held and bool(open_ones) == within:
                return held
        shift.resume()
