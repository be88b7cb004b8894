"""The process that waits, warm, for a batch's run: it is used once, ends with its run, and can be missing."""

import contextlib

import psutil
import pytest

from tests import platforms
from tests.contract.wire import eventually, small_photo
from tests.system.callers import Callers
from tests.system.test_shutdown import is_run

IMAGES = 3
MANY = 40


@pytest.fixture(scope="module")
def callers(platform):
    callers = Callers(platform.url)
    yield callers
    callers.close()


@pytest.fixture(scope="module")
def image_ids(callers):
    uploads = [callers.user.upload(callers.product, small_photo()) for _ in range(MANY)]
    for upload in uploads:
        callers.user.finished(upload["job_id"])
    return [upload["image_id"] for upload in uploads]


def worker(platform):
    return psutil.Process(platforms.pid(platform.home, "batch"))


def spares(platform):
    """The spares, waiting or taken."""
    return [child for child in worker(platform).children() if "flows.spare" in child.cmdline()]


def waiting_spare(platform):
    """The spare that waits for a run, once it does."""
    eventually(lambda: list((platform.home / "tmp" / "batch").glob("spare-*/socket")), bool)
    return max(spares(platform), key=psutil.Process.create_time)


def test_a_batch_runs_in_the_process_that_waited_and_another_waits_for_the_next(platform, callers, image_ids):
    spare = waiting_spare(platform)

    callers.expect_batch_completed(callers.start_batch(image_ids[:IMAGES]), IMAGES)

    platforms.until(lambda: not spare.is_running(), "the end of the process with its run")
    assert waiting_spare(platform) != spare


def test_a_batch_for_which_no_process_waits_is_completed_all_the_same(platform, callers, image_ids):
    waiting_spare(platform).kill()

    callers.expect_batch_completed(callers.start_batch(image_ids[:IMAGES]), IMAGES)


def test_a_run_ends_when_its_command_is_killed_and_another_goes_on(platform, callers, image_ids):
    spare = waiting_spare(platform)
    job_id = callers.batch_at_work(image_ids)
    commands = [child for child in worker(platform).children() if is_run(child)]

    for command in commands:
        with contextlib.suppress(psutil.NoSuchProcess):
            command.kill()

    platforms.until(lambda: not spare.is_running(), "the end of the process with its command")
    callers.expect_batch_completed(job_id, MANY)
