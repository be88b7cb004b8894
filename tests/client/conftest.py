"""Users of the running platform."""

from contextlib import ExitStack

import psycopg
import pytest

from tests.contract.wire import ENDED, a_user, eventually

SOCKETS = 5


@pytest.fixture(scope="module")
def user(platform):
    with a_user(platform.url) as one:
        yield one


@pytest.fixture
def crowded(platform):
    """A user whose sockets are all taken, by a batch that cannot end as long as the test holds its row."""
    with ExitStack() as stack:
        one = stack.enter_context(a_user(platform.url))
        product = one.product()
        image = one.analysed(product["id"])["image_id"]
        database = psycopg.connect(platform.env["DATABASE_URL"].replace("+psycopg", ""))
        stack.enter_context(database)
        job_id = eventually(lambda: held(one, product["id"], image, database), bool)
        sockets = [stack.enter_context(one.socket(job_id)) for _ in range(SOCKETS + 1)]
        eventually(lambda: [each.close_code for each in sockets].count(4029), lambda refused: refused == 1)
        yield one


def held(user, product_id, image_id, database):
    """Start a batch and lock its row once its run is ordered; None where it was over before."""
    started = user.http.post("/batch", json={"product_id": product_id, "image_ids": [image_id]})
    assert started.status_code == 201, started.text
    job_id = started.json()["id"]
    eventually(lambda: user.job(job_id), lambda job: job["celery_task_id"])
    (status,) = database.execute("SELECT status FROM jobs WHERE id = %s FOR UPDATE", [job_id]).fetchone()
    if status in ENDED:
        database.rollback()
        return None
    return job_id
