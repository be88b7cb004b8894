"""Jobs cancelled, retried and deleted at whatever moment: each ends once, and nothing of it stays."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor

from tests.system.callers import Watcher

SEED = 20_250_115
JOBS, AT_ONCE = 30, 6
LONGEST_S = 0.3
ENDS = ("job_complete", "job_failed")


def test_jobs_cancelled_retried_and_deleted_at_random_moments_end_once(callers):
    draws = [random.Random(f"{SEED}: {number}") for number in range(JOBS)]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        watchers = [
            watcher for some in pool.map(lambda draw: meddle(callers.user, draw), draws) for watcher in some
        ]

    for watcher in watchers:
        watcher.expect_one_end(*ENDS)


def meddle(user, draw):
    """Start a job and, a moment later, do something to it; give the watchers of all the jobs of it."""
    product = user.product()["id"]
    uploaded = user.upload(product)
    job_id, image_id = uploaded["job_id"], uploaded["image_id"]
    watchers = [Watcher(user, job_id)]
    threading.Event().wait(draw.uniform(0, LONGEST_S))
    match draw.choice(["cancel", "delete", "retry", "batch, cancel, retry"]):
        case "cancel":
            assert user.http.delete(f"/batch/{job_id}").status_code in {204, 409}
        case "delete":
            assert user.http.delete(f"/products/{product}").status_code == 204
        case "retry":
            again = user.http.post(f"/analysis/{image_id}/retry")
            assert again.status_code in {200, 409}, again.text
            watchers += [Watcher(user, again.json()["job_id"])] if again.status_code == 200 else []
        case "batch, cancel, retry":
            batch = user.http.post("/batch", json={"product_id": product, "image_ids": [image_id]})
            assert batch.status_code == 201, batch.text
            watchers.append(Watcher(user, batch.json()["id"]))
            threading.Event().wait(draw.uniform(0, LONGEST_S))
            assert user.http.delete(f"/batch/{batch.json()['id']}").status_code in {204, 409}
            again = user.http.post(f"/jobs/{batch.json()['id']}/retry")
            assert again.status_code in {201, 409}, again.text
            watchers += [Watcher(user, again.json()["id"])] if again.status_code == 201 else []
    return watchers
