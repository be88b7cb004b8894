"""Two shifts with clocks five minutes apart: leases go by the database's, and neither robs the other."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import psutil
import pytest

from tests import platforms
from tests.contract.wire import eventually
from tests.faults import invariants, processes
from tests.faults.conftest import SHORT
from tests.system import outages
from tests.system.callers import Watcher

HERE = Path(__file__).parent
AHEAD_S = 300
JOBS, AT_ONCE = 24, 8
SERVE = """
import asyncio, sys, uuid
from flows.processing import process_images
asyncio.run(process_images(uuid.UUID(sys.argv[1]), minutes=60))
"""
SERVED_BY = "SELECT DISTINCT flow_run_id FROM jobs WHERE id = ANY(%s::uuid[])"
ATTEMPTS = "SELECT DISTINCT attempts FROM job_images WHERE job_id = ANY(%s::uuid[])"
OPENED = "SELECT flow_run_id FROM shifts WHERE id = %s AND opened_at IS NOT NULL"
BEATS_AFTER = "SELECT 1 FROM shifts WHERE flow_run_id = %s AND heartbeat_at > %s + make_interval(secs => %s)"
OPEN = "SELECT flow_run_id FROM shifts WHERE closed_at IS NULL AND opened_at IS NOT NULL"
NOW = "SELECT clock_timestamp()"


@pytest.fixture(scope="module")
def preloaded(tmp_path_factory):
    """Variables that put a process five minutes ahead."""
    if shutil.which("cc") is None:
        pytest.skip("needs a C compiler, for a process whose clock is wrong")
    library = tmp_path_factory.mktemp("clock") / "clock_ahead.so"
    command = [
        "cc",
        "-shared",
        "-fPIC",
        f"-DAHEAD_S={AHEAD_S}",
        "-o",
        library,
        HERE / "clock_ahead.c",
        "-ldl",
    ]
    subprocess.run(command, check=True)
    variables = {"LD_PRELOAD": str(library)}
    told = subprocess.check_output(
        [sys.executable, "-c", "import time; print(time.time())"], env={**os.environ, **variables}
    )
    assert float(told) - time.time() > AHEAD_S - 30
    return variables


@pytest.fixture(scope="module")
def ahead(tmp_path_factory, platform, database_url, preloaded, usual):
    """A shift beside the platform's own whose clock is ahead; its process and its flow run."""
    shift_id = uuid.uuid4()
    env = platforms.clean_environment(**platform.env, **SHORT, **preloaded)
    with invariants.connect(database_url) as database:
        database.execute("INSERT INTO shifts (id) VALUES (%s)", [shift_id])
        command = [sys.executable, "-c", SERVE, str(shift_id)]
        with (
            (tmp_path_factory.mktemp("ahead") / "shift.log").open("wb") as log,
            subprocess.Popen(command, env=env, cwd=HERE.parents[1], stdout=log, stderr=log) as process,
        ):
            try:
                (flow_run,) = eventually(lambda: database.execute(OPENED, [shift_id]).fetchone(), bool)
                yield psutil.Process(process.pid), flow_run
            finally:
                process.terminate()


@pytest.fixture(scope="module")
def usual(platform, database_url):
    """The platform's own shift: its process and its flow run."""
    with invariants.connect(database_url) as database:
        process = processes.the_shift(platform, database)
        ((flow_run,),) = database.execute(OPEN).fetchall()
    return process, flow_run


def test_shifts_with_clocks_five_minutes_apart_share_the_jobs_and_try_each_once(
    callers, database, usual, ahead
):
    with ThreadPoolExecutor(AT_ONCE) as pool:
        uploads = list(pool.map(lambda _: callers.accept(), range(JOBS)))
    jobs = [upload["job_id"] for upload in uploads]
    watchers = [Watcher(callers.user, job) for job in jobs]

    callers.expect_every_promise_kept()
    for watcher in watchers:
        watcher.expect_one_end()
    assert {run for (run,) in database.execute(SERVED_BY, [jobs]).fetchall()} == {usual[1], ahead[1]}
    assert database.execute(ATTEMPTS, [jobs]).fetchall() == [(1,)]


@pytest.mark.parametrize("holder", ["usual", "ahead"])
def test_what_one_holds_for_longer_than_a_lease_is_not_taken_by_the_other(
    platform, callers, database, usual, ahead, holder
):
    holding, other = (usual, ahead) if holder == "usual" else (ahead, usual)
    with contextlib.ExitStack() as held:
        with outages.paused(other[0]):
            with outages.paused(holding[0]):
                job_id = callers.accept()["job_id"]
                claimed = held.enter_context(processes.in_hand(platform, database, [job_id]))
            claimed(1)
        since = database.execute(NOW).fetchone()[0]
        beats = [other[1], since, float(SHORT["LEASE_S"]) + 1]
        eventually(lambda: database.execute(BEATS_AFTER, beats).fetchone(), bool)

    callers.expect_every_promise_kept()
    assert database.execute(ATTEMPTS, [[job_id]]).fetchall() == [(1,)]
    assert database.execute(SERVED_BY, [[job_id]]).fetchall() == [(holding[1],)]


def test_the_time_of_an_event_is_the_databases(callers, usual, ahead):
    with outages.paused(usual[0]):
        job_id = callers.accept()["job_id"]
        watcher = Watcher(callers.user, job_id)
        watcher.expect_one_end()

    ends = [step["completed_at"] for step in callers.user.job(job_id)["steps"]]
    told = [event["timestamp"] for event in watcher.events]
    assert datetime.fromisoformat(max(told)) - datetime.fromisoformat(max(ends)) < timedelta(minutes=1)
