"""Section "Processing Jobs" of the reference, and what the notes say about jobs and steps."""

import uuid
from datetime import datetime

import pytest

from tests.contract.wire import ENDED

FIELDS = {
    "id",
    "user_id",
    "job_type",
    "status",
    "total_images",
    "processed_images",
    "failed_images",
    "celery_task_id",
    "started_at",
    "completed_at",
    "error_message",
    "steps",
    "created_at",
    "updated_at",
}
STEP_FIELDS = {
    "id",
    "product_image_id",
    "step_name",
    "status",
    "started_at",
    "completed_at",
    "duration_ms",
    "error_message",
    "result_data",
}
STEPS = ["preprocess", "classify", "extract_attributes", "detect_defects", "generate_description"]
UNKNOWN = str(uuid.uuid4())


def listed(user, **query):
    answer = user.http.get("/jobs", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def job(user, seen):
    return user.job(seen["job_id"])


@pytest.fixture(scope="module")
def busy(new_user):
    """A user with five completed jobs, their ids in the order of their creation."""
    owner = new_user()
    product_id = owner.product()["id"]
    owner.jobs = [owner.analysed(product_id)["job_id"] for _ in range(5)]
    return owner


def test_a_job_has_all_its_fields(job, user):
    assert set(job) >= FIELDS
    assert (job["user_id"], job["job_type"], job["status"]) == (user.id, "single", "completed")
    assert (job["total_images"], job["processed_images"], job["failed_images"]) == (1, 1, 0)
    assert job["error_message"] is None
    assert job["celery_task_id"] is None or uuid.UUID(job["celery_task_id"])


def test_a_job_was_last_updated_when_it_ended(user, seen):
    job = user.job(seen["job_id"])
    assert job["updated_at"] >= job["completed_at"]


def test_a_single_job_has_five_steps_in_order(job, seen):
    assert [step["step_name"] for step in job["steps"]] == STEPS
    assert {step["product_image_id"] for step in job["steps"]} == {seen["image_id"]}
    assert len({step["id"] for step in job["steps"]}) == 5


def test_a_completed_step_has_its_times_and_result(job):
    for step in job["steps"]:
        assert set(step) == STEP_FIELDS
        assert (step["status"], step["error_message"]) == ("completed", None)
        assert step["duration_ms"] >= 0
        assert step["started_at"] <= step["completed_at"]
        assert isinstance(step["result_data"], dict)


def test_the_steps_lie_one_after_another_within_the_job(job):
    moments = [datetime.fromisoformat(step["started_at"]) for step in job["steps"]]
    assert moments == sorted(moments)
    assert job["created_at"] <= job["started_at"] <= job["completed_at"]


def test_durations_are_measured_and_not_shared_out(job):
    durations = [step["duration_ms"] for step in job["steps"]]
    assert durations[STEPS.index("classify")] > 0
    assert len(set(durations)) > 1


def test_every_look_at_a_job_agrees_with_itself(user, product):
    job_id = user.upload(product["id"])["job_id"]
    looks = [user.job(job_id)]
    while looks[-1]["status"] not in {"completed", "failed"}:
        looks.append(user.job(job_id))
    assert looks[-1]["status"] == "completed"
    for job in looks:
        assert len(job["steps"]) == 5
        steps = {step["status"] for step in job["steps"]}
        if job["status"] == "queued":
            assert (job["started_at"], job["completed_at"], job["processed_images"]) == (None, None, 0)
            assert steps == {"pending"}
        if job["status"] == "completed":
            assert steps == {"completed"}


def test_a_list_of_jobs_is_newest_first_and_without_steps(busy):
    page = listed(busy)
    assert set(page) == {"items", "total"}
    assert page["total"] == 5
    assert [job["id"] for job in page["items"]] == busy.jobs[::-1]
    assert all(job["steps"] == [] for job in page["items"])
    assert all(set(job) >= FIELDS for job in page["items"])


def test_limit_and_offset_cut_the_list(busy):
    page = listed(busy, limit=2, offset=1)
    assert page["total"] == 5
    assert [job["id"] for job in page["items"]] == busy.jobs[::-1][1:3]
    assert listed(busy, offset=5) == {"items": [], "total": 5}
    assert listed(busy, offset=10_000)["items"] == []


def test_twenty_jobs_are_listed_where_nothing_is_said_and_a_hundred_at_most(new_user, database):
    owner = new_user()
    database.execute(
        "INSERT INTO jobs (id, user_id, job_type, status, total_images, completed_at)"
        " SELECT gen_random_uuid(), %s, 'single', 'completed', 1, now() FROM generate_series(1, 101)",
        [owner.id],
    )
    assert (len(listed(owner)["items"]), listed(owner)["total"]) == (20, 101)
    assert len(listed(owner, limit=100)["items"]) == 100


def test_the_list_filters_by_status(busy):
    assert listed(busy, status="completed")["total"] == 5
    for status in ("queued", "processing", "failed", "cancelled"):
        assert listed(busy, status=status) == {"items": [], "total": 0}


@pytest.mark.parametrize(
    "query",
    [
        {"status": "done"},
        {"status": ""},
        {"limit": 0},
        {"limit": 101},
        {"limit": -1},
        {"limit": 10**30},
        {"limit": "ten"},
        {"offset": -1},
        {"offset": 2**63},
        {"offset": 10**30},
        {"offset": "x"},
    ],
)
def test_a_query_out_of_bounds_is_refused(busy, query):
    assert busy.http.get("/jobs", params=query).status_code == 422


def test_a_job_that_is_not_mine_does_not_exist(seen, stranger):
    foreign, unknown = stranger.http.get(f"/jobs/{seen['job_id']}"), stranger.http.get(f"/jobs/{UNKNOWN}")
    assert (foreign.status_code, unknown.status_code) == (404, 404)
    assert foreign.json() == unknown.json()
    assert seen["job_id"] not in [job["id"] for job in listed(stranger)["items"]]


def test_a_failed_job_says_why_in_the_step_too(user, product):
    image_id = user.replaced(product["id"])
    job = user.finished(user.http.post(f"/analysis/{image_id}/retry").json()["job_id"])
    assert job["status"] == "failed"
    assert job["error_message"].strip()
    statuses = [step["status"] for step in job["steps"]]
    failed = statuses.index("failed")
    assert statuses[:failed] == ["completed"] * failed
    assert set(statuses[failed + 1 :]) <= {"pending", "skipped"}
    assert job["steps"][failed]["error_message"].strip()


def test_at_the_end_processed_and_failed_are_all(user, busy):
    for owner in (user, busy):
        for job in listed(owner, limit=100)["items"]:
            if job["status"] in ENDED - {"cancelled"}:
                assert job["processed_images"] + job["failed_images"] == job["total_images"]


def test_a_job_that_waits_is_listed_as_queued_and_then_as_cancelled(user, product, seen):
    body = {"product_id": product["id"], "image_ids": [seen["image_id"]]}
    job_id = user.http.post("/batch", json=body).json()["id"]
    assert job_id in [job["id"] for job in listed(user, status="queued")["items"]]
    assert user.http.delete(f"/batch/{job_id}").status_code == 204
    assert job_id in [job["id"] for job in listed(user, status="cancelled")["items"]]
