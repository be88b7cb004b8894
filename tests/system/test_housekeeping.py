"""The flow `housekeeping`, run by its deployment on a platform with jobs, pictures and old things."""

import asyncio
import contextlib
import uuid
from types import SimpleNamespace

import httpx
import psutil
import psycopg
import pytest
from botocore.exceptions import ClientError

from imagineai_api import orchestrator
from imagineai_api.settings import Settings
from tests import platforms
from tests.contract.wire import a_user, small_photo
from tests.system import contents

ENDED = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}
CRON = "7 3 1 1 *"
DUTIES = [
    "missed runs",
    "unconfirmed uploads",
    "orphan objects",
    "orphan thumbnails",
    "outbox",
    "webhook deliveries",
    "imports",
    "expired tokens",
    "closed shifts",
    "old flow runs",
]


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    """All that processes pictures, with a schedule that does not come due while tests run."""
    home = tmp_path_factory.mktemp("housekeeping") / "home"
    variables = {**platforms.ROOMY, "ORPHAN_OBJECT_HOURS": "0", "HOUSEKEEPING_CRON": CRON}
    with platforms.running(home, "--only", "api,starter,interactive,batch", **variables) as started:
        yield started


@pytest.fixture(scope="module")
def prefect(platform):
    with httpx.Client(base_url=platform.env["PREFECT_API_URL"], timeout=30) as client:
        yield Prefect(client)


@pytest.fixture(scope="module")
def prefect_rows(platform):
    """Prefect's own database."""
    server = psutil.Process(platforms.pid(platform.home, "prefect")).environ()
    address = server["PREFECT_SERVER_DATABASE_CONNECTION_URL"].replace("+asyncpg", "")
    with psycopg.connect(address, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def rows(platform):
    with contents.database(platform.env) as connection:
        yield connection


@pytest.fixture(scope="module")
def user(platform):
    with a_user(platform.url) as user:
        yield user


class Prefect:
    """The deployment and its runs, by way of Prefect's API."""

    def __init__(self, client):
        self._client = client
        self.deployment = self.ask("GET", "/deployments/name/housekeeping/batch")

    def ask(self, method, path, **arguments):
        answer = self._client.request(method, path, **arguments)
        assert answer.is_success, answer.text
        return answer.json()

    def begin(self):
        return self.ask("POST", f"/deployments/{self.deployment['id']}/create_flow_run", json={})["id"]

    def run(self):
        """Run it to its end: its id, how it ended, how each task did, and its table."""
        run = self.begin()
        state = self.ended(run)
        # What a task did is told beside the run, and may be written after its end.
        platforms.until(lambda: set(self._tasks(run).values()) <= ENDED, "the end of its tasks", 60)
        (artifact,) = self.artifacts(run)
        lines = [line.strip("| ").split(" | ") for line in artifact["data"].splitlines()[2:]]
        table = {line[0]: line[1:] for line in lines}
        return SimpleNamespace(id=run, state=state, tasks=self._tasks(run), table=table)

    def ended(self, run):
        platforms.until(lambda: self._state(run)["type"] in ENDED, "the end of the run", 180)
        return self._state(run)

    def artifacts(self, run):
        return self.ask("POST", "/artifacts/filter", json={"artifacts": {"flow_run_id": {"any_": [run]}}})

    def runs(self, **which):
        return self.ask("POST", "/flow_runs/filter", json={"flow_runs": which})

    def waiting(self):
        """The runs that the schedule has made."""
        here = {"any_": [self.deployment["id"]]}
        return self.runs(deployment_id=here, state={"type": {"any_": ["SCHEDULED"]}})

    def _tasks(self, run):
        this = {"flow_runs": {"id": {"any_": [run]}}, "sort": "EXPECTED_START_TIME_ASC"}
        return {one["name"]: one["state_type"] for one in self.ask("POST", "/task_runs/filter", json=this)}

    def _state(self, run):
        return self.ask("GET", f"/flow_runs/{run}")["state"]


def write_done(rows):
    """A row of the outbox that was done long ago."""
    done = (
        "INSERT INTO outbox (kind, payload, done_at) VALUES ('cancel_flow_run', '{}', now() - interval '8 d')"
    )
    rows.execute(done)


@pytest.fixture(scope="module")
def without_s3(platform, prefect, rows):
    """A run while S3 took calls and said nothing."""
    write_done(rows)
    with stopped(psutil.Process(platforms.pid(platform.home, "s3"))):
        return prefect.run()


@contextlib.contextmanager
def stopped(process):
    process.suspend()
    try:
        yield
    finally:
        process.resume()


def test_the_deployment_has_its_schedule_and_prefect_makes_its_runs(prefect):
    (schedule,) = prefect.deployment["schedules"]
    assert (schedule["schedule"]["cron"], schedule["schedule"]["timezone"]) == (CRON, "UTC")
    assert schedule["active"]
    platforms.until(prefect.waiting, "the scheduled runs", 90)


def test_without_s3_its_duty_fails_in_words_and_the_others_are_done(without_s3):
    assert without_s3.state["type"] == "FAILED"
    words = "The picture storage is away: try again in a moment."
    in_s3 = ("orphan objects", "orphan thumbnails")
    assert without_s3.state["message"] == " ".join(f"{duty}: {words}" for duty in in_s3)
    assert without_s3.tasks == {**dict.fromkeys(DUTIES, "COMPLETED"), **dict.fromkeys(in_s3, "FAILED")}
    assert list(without_s3.table) == DUTIES
    assert words in without_s3.table["orphan objects"][2]
    assert without_s3.table["outbox"][1] == "1"


def put(platform, key):
    contents.storage(platform.env).put_object(Bucket=platform.env["S3_BUCKET"], Key=key, Body=b"x")


def is_there(platform, key):
    try:
        contents.storage(platform.env).head_object(Bucket=platform.env["S3_BUCKET"], Key=key)
    except ClientError:
        return False
    return True


async def end_run(platform, run):
    """End a run as the outbox does."""
    link = orchestrator.Prefect(Settings(prefect_api_url=platform.env["PREFECT_API_URL"]))
    try:
        await link.end_run(run, "CRASHED", "It gave no sign of life.")
    finally:
        await link.close()


def test_what_is_old_is_gone_and_what_is_young_or_referenced_is_untouched(
    platform, prefect, prefect_rows, rows, user, without_s3
):
    product = user.product()["id"]
    uploaded = user.analysed(product)
    image, job = uploaded["image_id"], uploaded["job_id"]
    young, old = (user.presign(product, small_photo()) for _ in range(2))
    lapsed = "UPDATE product_images SET created_at = now() - interval '26 hours' WHERE id = %s"
    rows.execute(lapsed, [old["image_id"]])
    orphan, elsewhere = f"products/{user.id}/{product}/{uuid.uuid4()}_x.jpg", "exports/x.jpg"
    for key in (old["s3_key"], young["s3_key"], orphan, elsewhere):
        put(platform, key)
    rows.execute("UPDATE refresh_tokens SET expires_at = now() - interval '8 days'")
    user.tokens = user.login()
    write_done(rows)
    closed = (
        "INSERT INTO shifts (id, closed_at) VALUES (gen_random_uuid(), now() - interval '31 d') RETURNING id"
    )
    (shift,) = rows.execute(closed).fetchone()
    past = without_s3.id
    prefect_rows.execute("UPDATE flow_run SET end_time = now() - interval '31 d' WHERE id = %s", [past])
    seen = (f"/jobs/{job}", f"/analysis/{image}")
    before = [user.http.get(path).json() for path in seen]

    run = prefect.run()

    assert run.state["type"] == "COMPLETED", run
    assert run.tasks == dict.fromkeys(DUTIES, "COMPLETED")
    assert list(run.table) == DUTIES
    assert run.table["old flow runs"][1] == "1"
    assert not prefect.runs(id={"any_": [past]})
    assert not prefect.artifacts(past)
    asyncio.run(end_run(platform, past))
    kept_by_prefect = "SELECT count(*) FROM {} WHERE flow_run_id = %s"
    for table in ("task_run", "flow_run_state", "artifact", "artifact_collection", "log"):
        query = kept_by_prefect.format(table)
        platforms.until(lambda q=query: prefect_rows.execute(q, [past]).fetchone() == (0,), f"no {table}")
    assert rows.execute("SELECT count(*) FROM shifts WHERE id = %s", [shift]).fetchone() == (0,)
    assert rows.execute("SELECT count(*) FROM refresh_tokens WHERE expires_at < now()").fetchone() == (0,)
    old_done = "SELECT count(*) FROM outbox WHERE done_at < now() - interval '7 days'"
    assert rows.execute(old_done).fetchone() == (0,)
    platforms.until(lambda: not is_there(platform, old["s3_key"]), "the unconfirmed object is gone")
    assert not is_there(platform, orphan)
    assert is_there(platform, elsewhere)
    assert is_there(platform, young["s3_key"])

    images = {one["id"] for one in user.http.get(f"/products/{product}").json()["images"]}
    assert images == {image, young["image_id"]}
    assert [user.http.get(path).json() for path in seen] == before
    assert user.http.post(f"/analysis/{image}/retry").status_code == 200, "its object is there"
    refreshed = user.http.post("/auth/refresh", json={"refresh_token": user.tokens["refresh_token"]})
    assert refreshed.status_code == 200
    assert prefect.waiting(), "scheduled runs are no old ones"


def test_runs_that_were_missed_while_nobody_took_them_are_dropped(platform, prefect, prefect_rows):
    platforms.until(prefect.waiting, "the scheduled runs", 90)
    worker = psutil.Process(platforms.pid(platform.home, "batch"))
    with stopped(worker):
        prefect_rows.execute(
            "UPDATE flow_run SET next_scheduled_start_time = now() - interval '3 hours'"
            " WHERE auto_scheduled AND state_type = 'SCHEDULED'"
        )
        missed = [run["id"] for run in prefect.waiting()]
        by_hand = prefect.begin()
    assert prefect.ended(by_hand)["type"] == "COMPLETED"
    left = prefect.runs(id={"any_": missed})
    assert all(run["state_type"] in {*ENDED, "PENDING", "RUNNING"} for run in left)
    assert len(left) <= 2, "no more than the worker takes at once"
