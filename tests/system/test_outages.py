"""Each part away for 20 seconds, frozen or stopped, while clients go on: told, waited out, nothing lost."""

import contextlib
import time

import httpx
import psutil
import pytest

from tests import platforms
from tests.contract.wire import eventually
from tests.system import outages
from tests.system.callers import Callers, Watcher, ready, whole

AWAY_S = 20
BATCH = 24
CHECKS = {"postgres": "database", "redis": "redis", "s3": "storage", "mlflow": "models", "prefect": "prefect"}
FATAL = {"database", "redis", "storage"}
REFUSALS = {"postgres": {503}, "s3": {502}}
"""What clients are answered meanwhile; where a part is not named, everything goes on."""
OURS = ("api", "interactive", "batch")
WAYS = {"frozen": outages.frozen, "stopped": outages.stopped}


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    """A platform of this file's own, whose shifts may be held longer than one that has died would be."""
    home = tmp_path_factory.mktemp("outages") / "home"
    with platforms.running(home, **platforms.ROOMY, SHIFT_HEARTBEAT_S="5") as started:
        yield started


@pytest.fixture(scope="module")
def callers(platform):
    callers = Callers(platform.url)
    yield callers
    callers.close()


@pytest.fixture(scope="module")
def pictures(callers):
    """Images for a batch."""
    return [callers.accept()["image_id"] for _ in range(BATCH)]


@pytest.fixture
def batch(platform, callers, pictures):
    """A batch that is being worked on."""
    whole(platform.url)
    callers.expect_every_promise_kept()
    callers.accepted.clear()
    callers.refusals.clear()
    return callers.batch_at_work(pictures)


@pytest.fixture
def held_job(platform, callers, batch):
    """The job of an accepted upload whose shift is kept from working on it; and what lets the shift go on."""
    worker = psutil.Process(platforms.pid(platform.home, "interactive"))
    platforms.until(lambda: bool(worker.children(recursive=True)), "a shift")
    with contextlib.ExitStack() as stack:
        for process in worker.children(recursive=True):
            process.suspend()
            stack.callback(process.resume)
        yield callers.accept()["job_id"], stack.close


@pytest.mark.timeout(300, func_only=True)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("part", CHECKS)
def test_a_part_is_away_for_20_seconds_and_nothing_accepted_is_lost(
    platform, callers, batch, held_job, part, way
):
    before, ill_before = _pids(platform), _ill_runs(platform)
    job_id, let_shift_go_on = held_job
    watcher = Watcher(callers.user, job_id)

    with callers.calling():
        with WAYS[way](platform.home, part):
            comes_back_at = time.monotonic() + AWAY_S
            let_shift_go_on()
            _expect_told(platform.url, CHECKS[part])
            platforms.until(lambda: time.monotonic() > comes_back_at, "the end of the outage", AWAY_S + 5)
            assert ready(platform.url).json()["checks"][CHECKS[part]].startswith("error: ")
        whole(platform.url)

    assert callers.refusals == REFUSALS.get(part, set())
    callers.expect_every_promise_kept()
    callers.expect_batch_completed(batch, BATCH)
    watcher.expect_one_end()
    assert _pids(platform) == before
    assert _ill_runs(platform) == ill_before


def _expect_told(url, check):
    answer = eventually(lambda: ready(url), lambda answer: answer.json()["checks"][check] != "ok", 15)
    assert answer.json()["checks"][check].startswith("error: ")
    assert answer.status_code == (503 if check in FATAL else 200)


def _pids(platform):
    return {part: platforms.pid(platform.home, part) for part in OURS}


def _ill_runs(platform):
    wanted = {"flow_runs": {"state": {"type": {"any_": ["CRASHED", "FAILED"]}}}, "sort": "ID_DESC"}
    answer = httpx.post(f"{platform.env['PREFECT_API_URL']}/flow_runs/filter", json=wanted, timeout=30)
    return [(run["name"], run["state_name"], run["state"]["message"]) for run in answer.json()]
