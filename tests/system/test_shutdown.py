"""Asked to end, each of our processes finishes what it holds or hands it back, and ends by itself."""

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import numpy as np
import psutil
import psycopg
import pytest
from PIL import Image

from tests import platforms
from tests.contract.wire import eventually, until_closed
from tests.system.callers import Callers, whole
from tests.system.connections import Connection, Upload

GRACE_S = 30
NO_LEASE_LAPSES = {"LEASE_S": "3600", "BATCH_CONCURRENCY": "1"}
"""Whatever is not handed back stays where it is for the whole test."""
AT_ONCE = 12
AT_WORK = "SELECT count(*) FROM job_images WHERE queue = %s AND status = 'processing'"


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    """A platform of this file's own."""
    home = tmp_path_factory.mktemp("shutdown") / "home"
    with platforms.running(home, **platforms.ROOMY, **NO_LEASE_LAPSES) as started:
        yield started


@pytest.fixture(scope="module")
def database(platform):
    with psycopg.connect(platform.env["DATABASE_URL"].replace("+psycopg", ""), autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def callers(platform):
    callers = Callers(platform.url)
    yield callers
    callers.close()


def slow_photo():
    """Some megabytes of noise, which take a while to decode."""
    noise = np.random.default_rng().integers(0, 256, (2400, 2400, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "JPEG", quality=90)
    return out.getvalue()


def analysed(callers, content):
    """Images for a batch."""
    with ThreadPoolExecutor(4) as pool:
        uploads = list(pool.map(lambda _: callers.user.upload(callers.product, content), range(AT_ONCE)))
    callers.accepted += uploads
    callers.expect_every_promise_kept()
    return [upload["image_id"] for upload in uploads]


# The API


@dataclass
class Ended:
    """What clients saw of the end of the API."""

    uploads: list
    resumed: tuple
    stalled: tuple
    socket_code: int
    events: list
    job_id: str
    batch: str
    closed: list
    log: str
    launcher_log: str


@pytest.fixture(scope="module")
def ended(platform, callers):
    """Ask the API to end while all kinds of clients are connected, and wait until it is there again."""
    whole(platform.url)
    user, product, content = callers.user, callers.product, slow_photo()
    log, launcher_log = (platform.home / "logs" / f"{name}.log" for name in ("api", "launcher"))
    log_before, launcher_log_before = log.stat().st_size, launcher_log.stat().st_size
    pictures = analysed(callers, content)
    batch = callers.batch_at_work(pictures)
    shifts = runs(platform, "interactive")
    for shift in shifts:
        shift.suspend()
    job_id = callers.accept()["job_id"]
    stream = user.socket(job_id)
    idle, header_only, slow_reader = Connection(user.url), Connection(user.url), Connection(user.url, 2048)
    idle.ask("/health")
    assert idle.answer()[0] == 200
    header_only.send(b"GET /health HTTP/1.1\r\nHost: ")
    slow_reader.ask("/openapi.json")
    uploads = [Upload(user, product, content) for _ in range(5)]
    for upload in uploads:
        upload.send(upload.first_half)
    *whole_ones, resumed, stalled = uploads
    for upload in whole_ones:
        upload.send(upload.second_half)

    api = psutil.Process(platforms.pid(platform.home, "api"))
    api.terminate()

    events, socket_code = until_closed(stream)
    resumed.send(resumed.second_half)
    with ThreadPoolExecutor(len(uploads)) as pool:
        answers = list(pool.map(lambda upload: upload.answer(), [*whole_ones, resumed, stalled]))
    platforms.until(lambda: not api.is_running(), "the end of the API by itself", GRACE_S)
    for shift in shifts:
        shift.resume()
    platforms.until(lambda: _is_up(platform), "the next start of the API", 120)
    whole(platform.url)
    callers.accepted += [body for status, body in answers if status == 200]
    yield Ended(
        uploads=answers[:3],
        resumed=answers[3],
        stalled=answers[4],
        socket_code=socket_code,
        events=events,
        job_id=job_id,
        batch=batch,
        closed=[idle.is_closed(), header_only.is_closed()],
        log=log.read_text()[log_before:],
        launcher_log=launcher_log.read_text()[launcher_log_before:],
    )
    for connection in (idle, header_only, slow_reader, *uploads):
        connection.close()


def _is_up(platform):
    try:
        return httpx.get(f"{platform.url}/health", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def test_uploads_in_flight_are_answered(ended):
    assert [status for status, _ in ended.uploads] == [200, 200, 200]


def test_an_upload_half_sent_is_answered_when_its_rest_arrives(ended):
    assert ended.resumed[0] == 200


def test_an_upload_whose_rest_does_not_arrive_is_refused_in_words(ended):
    status, body = ended.stalled
    assert (status, list(body)) == (400, ["detail"])


def test_an_open_socket_is_told_to_come_again_and_sees_the_end_once(ended, callers):
    assert ended.socket_code == 1012
    seen = ended.events[-1]["seq"] if ended.events else 0
    rest, code = callers.user.events(ended.job_id, after=seen)
    kinds = [event["type"] for event in (*ended.events, *rest)]
    assert kinds.count("job_complete") == 1
    assert (kinds[-1], code) == ("job_complete", 1000)


def test_connections_without_a_request_are_closed(ended):
    assert ended.closed == [True, True]


def test_the_end_is_in_order_and_without_a_fault(ended):
    assert "ended with exit code 0" in ended.launcher_log
    assert "Traceback" not in ended.log


def test_a_batch_that_was_being_predicted_goes_on_with_every_image_tried_once(ended, callers, database):
    callers.expect_batch_completed(ended.batch, AT_ONCE)
    assert attempts(database, [ended.batch]) == {1}


def test_everything_accepted_before_the_end_is_completed_after_the_next_start(ended, callers):
    callers.expect_every_promise_kept()


# The flow workers and their runs


def runs(platform, pool):
    """The processes of a worker's runs, as Prefect knows them."""
    worker = psutil.Process(platforms.pid(platform.home, pool))
    return eventually(lambda: [child for child in worker.children() if is_run(child)], bool)


def is_run(process):
    """Whether a process was started for a run, and not to wait for one."""
    return any(word.endswith(("warm.py", "prefect.engine")) for word in process.cmdline())


def flow_run_of(process):
    return process.environ()["PREFECT__FLOW_RUN_ID"]


def the_worker(platform, pool):
    """The worker, and all its runs, which end with it."""
    return psutil.Process(platforms.pid(platform.home, pool)), runs(platform, pool)


def its_run(platform, pool):
    """One of its runs: where it was slow to open, there are two shifts."""
    run = runs(platform, pool)[0]
    return run, [run]


@pytest.mark.parametrize("asked", [the_worker, its_run])
def test_a_shift_asked_to_end_leaves_every_picture_done_or_for_the_next_shift(
    platform, callers, database, asked
):
    whole(platform.url)
    process, ending = asked(platform, "interactive")
    flow_runs = {flow_run_of(run) for run in ending}
    eventually(lambda: open_shifts(database), flow_runs.issubset)
    content = slow_photo()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        uploads = list(pool.map(lambda _: callers.user.upload(callers.product, content), range(AT_ONCE)))
    callers.accepted += uploads
    eventually(lambda: database.execute(AT_WORK, ["single"]).fetchone()[0], bool)

    process.terminate()

    platforms.until(lambda: not process.is_running(), "its end by itself", GRACE_S)
    callers.expect_every_promise_kept()
    assert attempts(database, [upload["job_id"] for upload in uploads]) == {1}
    assert not flow_runs & open_shifts(database)
    assert {state(platform, flow_run) for flow_run in flow_runs} == {"COMPLETED"}


@pytest.mark.parametrize("asked", [the_worker, its_run])
def test_a_batch_whose_run_is_asked_to_end_goes_on_in_another(platform, callers, database, asked):
    whole(platform.url)
    job_id = callers.batch_at_work(analysed(callers, slow_photo()))
    flow_run = callers.user.job(job_id)["celery_task_id"]
    process, _ = asked(platform, "batch")

    process.terminate()

    platforms.until(lambda: not process.is_running(), "its end by itself", GRACE_S)
    callers.expect_batch_completed(job_id, AT_ONCE)
    assert attempts(database, [job_id]) == {1}
    assert callers.user.job(job_id)["celery_task_id"] != flow_run
    assert state(platform, flow_run) == "COMPLETED"


def open_shifts(database):
    query = "SELECT flow_run_id FROM shifts WHERE opened_at IS NOT NULL AND closed_at IS NULL"
    return {row[0] for row in database.execute(query).fetchall()}


def attempts(database, job_ids):
    query = "SELECT DISTINCT attempts FROM job_images WHERE job_id = ANY(%s::uuid[])"
    return {row[0] for row in database.execute(query, [job_ids]).fetchall()}


def state(platform, flow_run):
    return httpx.get(f"{platform.env['PREFECT_API_URL']}/flow_runs/{flow_run}", timeout=30).json()[
        "state_type"
    ]
