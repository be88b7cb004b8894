"""Section "Batch Processing" of the reference, and of the notes."""

import uuid
from collections import Counter

import pytest

from tests.contract.wire import ENDED, at_once, eventually, small_photo

STEPS = ["preprocess", "classify", "extract_attributes", "detect_defects", "generate_description"]
UNKNOWN = str(uuid.uuid4())


def start(user, product_id, image_ids):
    return user.http.post("/batch", json={"product_id": product_id, "image_ids": image_ids})


def started(user, images):
    answer = start(user, images.product_id, images.ids)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def cancel(user, job_id):
    return user.http.delete(f"/batch/{job_id}")


class Images:
    """A product of the user with so many analysed images."""

    def __init__(self, user, count):
        self.product_id = user.product()["id"]
        uploads = [user.upload(self.product_id) for _ in range(count)]
        for uploaded in uploads:
            user.finished(uploaded["job_id"])
        self.ids = [uploaded["image_id"] for uploaded in uploads]


@pytest.fixture(scope="module")
def images(user):
    return Images(user, 3)


@pytest.fixture(scope="module")
def many(user):
    return Images(user, 24)


@pytest.fixture(scope="module")
def created(user, images):
    """The answer to the creation of a batch."""
    return start(user, images.product_id, images.ids)


@pytest.fixture(scope="module")
def done(user, created):
    """The detail of that batch once it has ended."""
    return user.finished(created.json()["id"])


def test_creating_answers_201_with_the_job(user, created):
    assert created.status_code == 201
    job = created.json()
    assert (job["user_id"], job["job_type"], job["status"]) == (user.id, "batch", "queued")
    assert (job["total_images"], job["processed_images"], job["failed_images"]) == (3, 0, 0)
    assert (job["completed_at"], job["error_message"]) == (None, None)
    assert job["celery_task_id"] is None or uuid.UUID(job["celery_task_id"])
    assert len(job["steps"]) == 15
    assert {step["status"] for step in job["steps"]} == {"pending"}


def test_a_batch_that_waits_has_no_start_and_no_run_yet(created):
    assert (created.json()["started_at"], created.json()["celery_task_id"]) == (None, None)


def test_a_batch_takes_nothing_but_a_product_and_images(user, images, stranger):
    body = {"product_id": images.product_id, "image_ids": images.ids[:1]}
    forged = {"status": "completed", "user_id": stranger.id, "job_type": "single", "id": UNKNOWN}
    answer = user.http.post("/batch", json={**body, **forged})
    assert answer.status_code in {201, 422}
    if answer.status_code == 201:
        job = answer.json()
        assert (job["status"], job["user_id"], job["job_type"]) == ("queued", user.id, "batch")
        assert job["id"] != UNKNOWN
        assert cancel(user, job["id"]).status_code == 204


def test_a_retry_while_a_batch_has_the_image_is_409(user):
    one = Images(user, 1)
    job_id = started(user, one)
    assert user.http.post(f"/analysis/{one.ids[0]}/retry").status_code == 409
    assert cancel(user, job_id).status_code == 204
    assert user.http.post(f"/analysis/{one.ids[0]}/retry").status_code == 200


def test_a_thousand_images_are_a_batch(user, database):
    one = Images(user, 1)
    columns = "content_type, file_size_bytes, width, height, etag, original_filename, upload_status"
    database.execute(
        f"INSERT INTO product_images (id, product_id, is_primary, s3_key, {columns})"
        f" SELECT gen_random_uuid(), product_id, false, s3_key || number, {columns}"
        " FROM product_images, generate_series(1, 999) AS number WHERE product_id = %s",
        [one.product_id],
    )
    rows = database.execute("SELECT id FROM product_images WHERE product_id = %s", [one.product_id])
    answer = start(user, one.product_id, [str(row[0]) for row in rows.fetchall()])
    assert answer.status_code == 201
    assert (answer.json()["total_images"], len(answer.json()["steps"])) == (1000, 5000)
    assert cancel(user, answer.json()["id"]).status_code == 204


def test_a_batch_has_five_steps_for_each_image(done, images):
    rows = Counter((step["product_image_id"], step["step_name"]) for step in done["steps"])
    assert rows == Counter((image_id, name) for image_id in images.ids for name in STEPS)


def test_a_batch_completes_with_all_images_counted(done):
    assert done["status"] == "completed"
    assert (done["processed_images"], done["failed_images"]) == (3, 0)
    assert {step["status"] for step in done["steps"]} == {"completed"}
    assert done["started_at"] <= done["completed_at"]
    assert uuid.UUID(done["celery_task_id"])


def test_a_batch_is_got_as_a_batch_and_as_a_job(user, done):
    answer = user.http.get(f"/batch/{done['id']}")
    assert answer.status_code == 200
    assert answer.json() == done == user.job(done["id"])


def test_one_model_version_serves_a_batch(user, images, done):
    assert done["status"] == "completed"
    assert len({user.analysis(image_id)["model_version"] for image_id in images.ids}) == 1


def test_a_batch_for_a_product_that_is_not_mine_is_404(images, stranger):
    foreign, unknown = start(stranger, images.product_id, images.ids), start(stranger, UNKNOWN, images.ids)
    assert (foreign.status_code, unknown.status_code) == (404, 404)
    assert foreign.json() == unknown.json()


def test_foreign_and_unknown_images_are_refused_with_the_same_words(user, images, stranger):
    theirs = stranger.upload(stranger.product()["id"])["image_id"]
    foreign = start(user, images.product_id, [*images.ids, theirs])
    unknown = start(user, images.product_id, [*images.ids, UNKNOWN])
    assert (foreign.status_code, unknown.status_code) == (422, 422)
    assert foreign.json() == unknown.json()


def test_an_image_of_another_product_of_mine_is_refused(user, images, many):
    assert start(user, images.product_id, [many.ids[0]]).status_code == 422


def test_an_image_that_is_only_presigned_is_refused(user, images):
    pending = user.presign(images.product_id, small_photo())["image_id"]
    assert start(user, images.product_id, [images.ids[0], pending]).status_code == 422


def test_an_image_named_twice_is_refused(user, images):
    assert start(user, images.product_id, images.ids[:1] * 2).status_code == 422


def test_an_image_named_twice_in_two_spellings_is_refused(user, images):
    assert start(user, images.product_id, [images.ids[0], images.ids[0].upper()]).status_code == 422


@pytest.mark.parametrize("count", [0, 1001])
def test_none_or_more_than_a_thousand_images_are_refused(user, images, count):
    assert start(user, images.product_id, [str(uuid.uuid4()) for _ in range(count)]).status_code == 422


@pytest.mark.parametrize("image_ids", [None, "x", {}, [None], [7], ["not an id"], [[]]])
def test_what_is_no_list_of_images_is_refused(user, images, image_ids):
    assert start(user, images.product_id, image_ids).status_code == 422


def test_a_refused_batch_queues_nothing(user, images):
    before = user.http.get("/jobs").json()["total"]
    assert start(user, images.product_id, [*images.ids, UNKNOWN]).status_code == 422
    assert user.http.get("/jobs").json()["total"] == before


def test_a_batch_that_is_not_mine_does_not_exist(done, stranger):
    foreign, unknown = stranger.http.get(f"/batch/{done['id']}"), stranger.http.get(f"/batch/{UNKNOWN}")
    assert (foreign.status_code, unknown.status_code) == (404, 404)
    assert foreign.json() == unknown.json()
    assert cancel(stranger, done["id"]).status_code == 404
    assert cancel(stranger, UNKNOWN).status_code == 404


def test_a_batch_with_one_failure_completes(user):
    images = Images(user, 2)
    images.ids.append(user.replaced(images.product_id))
    job = user.finished(started(user, images))
    assert (job["status"], job["processed_images"], job["failed_images"]) == ("completed", 2, 1)
    assert user.analysis(images.ids[-1])["status"] == "failed"
    assert user.analysis(images.ids[0])["status"] == "completed"


def test_a_batch_in_which_all_fail_is_failed(user):
    images = Images(user, 0)
    images.ids = [user.replaced(images.product_id) for _ in range(2)]
    job = user.finished(started(user, images))
    assert (job["status"], job["processed_images"], job["failed_images"]) == ("failed", 0, 2)
    assert job["error_message"].strip()


def test_a_cancelled_batch_stays_cancelled_and_no_step_runs(user, many):
    job_id = started(user, many)
    answer = cancel(user, job_id)
    assert (answer.status_code, answer.content) == (204, b"")
    assert user.job(job_id)["status"] == "cancelled"
    job = eventually(
        lambda: user.job(job_id),
        lambda job: not {"running", "pending"} & {step["status"] for step in job["steps"]},
    )
    assert job["status"] == "cancelled"


@pytest.mark.parametrize("after_events", [5, 70])
def test_a_batch_is_cancelled_at_any_moment_or_has_ended(user, many, after_events):
    job_id = started(user, many)
    with user.socket(job_id) as stream:
        for _ in range(after_events):
            stream.recv(timeout=60)
        status = cancel(user, job_id).status_code
    job = user.finished(job_id)
    assert (status, job["status"]) in {(204, "cancelled"), (409, "completed")}
    settled = eventually(
        lambda: user.job(job_id), lambda job: "running" not in {step["status"] for step in job["steps"]}
    )
    assert settled["status"] == job["status"]
    assert settled["processed_images"] + settled["failed_images"] <= 24


def test_a_batch_that_has_ended_cannot_be_cancelled(user, done):
    assert cancel(user, done["id"]).status_code == 409
    assert user.job(done["id"])["status"] == "completed"


def test_a_cancelled_batch_cannot_be_cancelled_again(user, many):
    job_id = started(user, many)
    statuses = sorted(answer.status_code for answer in at_once(lambda _: cancel(user, job_id), 4))
    assert statuses == [204, 409, 409, 409]


def test_deleting_the_product_ends_its_batch(user):
    images = Images(user, 6)
    job_id = started(user, images)
    assert user.http.delete(f"/products/{images.product_id}").status_code == 204
    answer = user.http.get(f"/batch/{job_id}")
    assert answer.status_code == 404 or answer.json()["status"] in ENDED


def test_no_cancelled_batch_has_come_back(user):
    """The last of the file, so that all that was cancelled above had time to."""
    answer = user.http.get("/jobs", params={"status": "cancelled", "limit": 100})
    assert answer.json()["total"] >= 2
    assert {job["job_type"] for job in answer.json()["items"]} == {"batch"}
    for job in answer.json()["items"]:
        assert "running" not in {step["status"] for step in user.job(job["id"])["steps"]}
