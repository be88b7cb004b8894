"""Many at once, and at any moment: no 500, nothing twice, nothing left over (wire.py refuses every 500).

Registrations, refreshes, confirms, retries and uploads at once are in the files of their sections.
"""

import random
from collections import Counter

import psycopg
import pytest

from tests.contract.wire import ENDED, at_once, eventually, put, small_photo

ROUNDS = 4
MOMENTS = random.Random(20250115)


def cancel(user, job_id):
    return user.http.delete(f"/batch/{job_id}").status_code


def start_batch(user, product_id, image_ids):
    return user.http.post("/batch", json={"product_id": product_id, "image_ids": image_ids})


def after_events(user, job_id, count, act):
    """Act as soon as so many events of a job were seen, or it is over."""
    with user.socket(job_id) as stream:
        for _ in range(count):
            if '"step_update"' not in stream.recv(timeout=180):
                break
        return act()


def settled(user, job_id):
    """The job once nothing of it is on its way."""
    return eventually(
        lambda: user.job(job_id),
        lambda job: (
            job["status"] in ENDED and not {"running", "pending"} & {step["status"] for step in job["steps"]}
        ),
        patience_s=240,
    )


def found_twice(user, image_id):
    """Attributes that an analysis has more than once."""
    found = user.analysis(image_id)["extracted_attributes"]
    counted = Counter((item["attribute_name"], item["attribute_value"]) for item in found)
    return [pair for pair, count in counted.items() if count > 1]


@pytest.fixture(scope="module")
def images(user):
    """A product with eight analysed images."""
    product_id = user.product()["id"]
    uploads = [user.upload(product_id) for _ in range(8)]
    for uploaded in uploads:
        user.finished(uploaded["job_id"])
    return product_id, [uploaded["image_id"] for uploaded in uploads]


@pytest.mark.parametrize("moment", [MOMENTS.randrange(10) for _ in range(ROUNDS)])
def test_a_single_job_that_is_cancelled_at_any_moment_is_cancelled_or_was_over(user, product, moment):
    uploaded = user.upload(product["id"])
    job_id = uploaded["job_id"]
    status = after_events(user, job_id, moment, lambda: cancel(user, job_id))
    job = settled(user, job_id)
    assert (status, job["status"]) in {(204, "cancelled"), (409, "completed")}
    analysis = user.analysis(uploaded["image_id"])["status"]
    assert analysis == ("completed" if job["status"] == "completed" else "failed")
    assert user.events(job_id)[0][-1]["status"] == job["status"]


@pytest.mark.parametrize("moment", [MOMENTS.randrange(80) for _ in range(ROUNDS)])
def test_a_batch_that_is_cancelled_at_any_moment_is_cancelled_or_was_over(user, images, moment):
    job_id = start_batch(user, *images).json()["id"]
    status = after_events(user, job_id, moment, lambda: cancel(user, job_id))
    job = settled(user, job_id)
    assert (status, job["status"]) in {(204, "cancelled"), (409, "completed")}
    assert job["processed_images"] + job["failed_images"] <= 8
    assert {user.analysis(image_id)["status"] for image_id in images[1]} == {"completed"}
    assert [found_twice(user, image_id) for image_id in images[1]] == [[]] * 8


@pytest.mark.parametrize("moment", [MOMENTS.randrange(10) for _ in range(ROUNDS)])
def test_a_product_that_is_deleted_at_any_moment_leaves_nothing(user, database, bucket, moment):
    product_id = user.product()["id"]
    uploads = [user.upload(product_id) for _ in range(3)]
    jobs = [uploaded["job_id"] for uploaded in uploads]
    act = lambda: user.http.delete(f"/products/{product_id}").status_code  # noqa: E731
    assert after_events(user, jobs[0], moment, act) == 204
    for job_id in jobs:
        assert settled(user, job_id)["status"] in {"completed", "cancelled"}
    for uploaded in uploads:
        assert user.http.get(f"/analysis/{uploaded['image_id']}").status_code == 404
    rows = database.execute("SELECT count(*) FROM product_images WHERE product_id = %s", [product_id])
    assert rows.fetchone() == (0,)
    eventually(lambda: bucket(f"products/{user.id}/{product_id}/"), lambda keys: not keys)


def test_three_batches_over_the_same_images_at_once_all_complete(user, images):
    answers = at_once(lambda _: start_batch(user, *images), 3)
    assert [answer.status_code for answer in answers] == [201] * 3
    jobs = [settled(user, answer.json()["id"]) for answer in answers]
    assert [(job["status"], job["processed_images"]) for job in jobs] == [("completed", 8)] * 3
    assert {user.analysis(image_id)["status"] for image_id in images[1]} == {"completed"}
    assert [found_twice(user, image_id) for image_id in images[1]] == [[]] * 8


def test_batches_and_retries_of_the_same_image_at_once_are_jobs_or_conflicts(user, images):
    product_id, image_ids = images
    calls = [
        lambda: start_batch(user, product_id, image_ids[:1]),
        lambda: user.http.post(f"/analysis/{image_ids[0]}/retry"),
    ]
    answers = at_once(lambda number: calls[number % 2](), 6)
    assert {answer.status_code for answer in answers[::2]} == {201}
    assert {answer.status_code for answer in answers[1::2]} <= {200, 409}
    accepted = [answer.json() for answer in answers if answer.status_code < 400]
    for body in accepted:
        assert settled(user, body.get("id") or body["job_id"])["status"] == "completed"
    assert found_twice(user, image_ids[0]) == []


def test_changes_and_deletions_at_once_delete_once_and_change_nothing_afterwards(user):
    product_id = user.product()["id"]

    def call(number):
        if number % 3 == 0:
            return user.http.delete(f"/products/{product_id}").status_code
        return user.http.patch(f"/products/{product_id}", json={"title": f"Title {number}"}).status_code

    statuses = at_once(call, 12)
    assert sorted(statuses[::3]) == [204, 404, 404, 404]
    assert set(statuses) <= {200, 204, 404}
    assert user.http.get(f"/products/{product_id}").status_code == 404


def test_changes_at_once_all_hold_and_the_last_one_stays(user):
    product_id = user.product()["id"]
    answers = at_once(
        lambda number: user.http.patch(f"/products/{product_id}", json={"title": f"Title {number}"}), 8
    )
    assert [answer.json()["title"] for answer in answers] == [f"Title {number}" for number in range(8)]
    last = max(answers, key=lambda answer: answer.json()["updated_at"]).json()
    assert user.http.get(f"/products/{product_id}").json()["updated_at"] == last["updated_at"]


def test_uploads_while_their_product_is_deleted_are_accepted_or_404_and_leave_nothing(user, bucket):
    product_id = user.product()["id"]
    user.upload(product_id)

    def call(number):
        if number == 5:
            return user.http.delete(f"/products/{product_id}")
        return user.send(product_id, small_photo())

    answers = at_once(call, 11)
    assert answers.pop(5).status_code == 204
    assert {answer.status_code for answer in answers} <= {200, 404}
    for answer in answers:
        if answer.status_code == 200:
            assert settled(user, answer.json()["job_id"])["status"] in {"completed", "cancelled"}
    eventually(lambda: bucket(f"products/{user.id}/{product_id}/"), lambda keys: not keys)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_retry_a_batch_and_the_deletion_of_their_product_at_once_leave_nothing(user, bucket, number):
    product_id = user.product()["id"]
    image_ids = [user.analysed(product_id)["image_id"] for _ in range(2)]
    calls = [
        lambda: start_batch(user, product_id, image_ids),
        lambda: user.http.post(f"/analysis/{image_ids[number % 2]}/retry"),
        lambda: user.http.delete(f"/products/{product_id}"),
    ]
    *others, deleted = at_once(lambda place: calls[place](), 3)
    assert deleted.status_code == 204
    assert {answer.status_code for answer in others} <= {200, 201, 404, 409, 422}
    for body in (answer.json() for answer in others if answer.status_code < 400):
        assert settled(user, body.get("id") or body["job_id"])["status"] in {"completed", "cancelled"}
    eventually(lambda: bucket(f"products/{user.id}/{product_id}/"), lambda keys: not keys)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_confirm_and_the_deletion_of_its_product_at_once_leave_nothing(user, bucket, number):
    product_id, content = user.product()["id"], small_photo()
    presigned = user.presign(product_id, content)
    put(presigned["upload_url"], content)
    calls = [
        lambda: user.http.post("/uploads/confirm", json={"image_id": presigned["image_id"]}),
        lambda: user.http.delete(f"/products/{product_id}"),
    ]
    confirmed, deleted = at_once(lambda place: calls[place](), 2)
    assert deleted.status_code == 204
    assert confirmed.status_code in {200, 404, 409}
    if confirmed.status_code == 200:
        assert settled(user, confirmed.json()["job_id"])["status"] in {"completed", "cancelled"}
    eventually(lambda: bucket(presigned["s3_key"]), lambda keys: not keys)


TWICE = {
    "an email in another case": (
        "INSERT INTO users (id, email, full_name, password_hash)"
        " SELECT gen_random_uuid(), upper(email), full_name, password_hash FROM users LIMIT 1"
    ),
    "an analysis of the same image": (
        "INSERT INTO analyses (id, product_image_id)"
        " SELECT gen_random_uuid(), product_image_id FROM analyses LIMIT 1"
    ),
    "a second primary image": (
        "INSERT INTO product_images"
        " (id, product_id, s3_key, original_filename, content_type, file_size_bytes, is_primary)"
        " SELECT gen_random_uuid(), product_id, s3_key || 'x', original_filename, content_type,"
        " file_size_bytes, true FROM product_images WHERE is_primary LIMIT 1"
    ),
    "an image of the same key": (
        "INSERT INTO product_images"
        " (id, product_id, s3_key, original_filename, content_type, file_size_bytes, is_primary)"
        " SELECT gen_random_uuid(), product_id, s3_key, original_filename, content_type,"
        " file_size_bytes, false FROM product_images LIMIT 1"
    ),
    "a step of the same image and name": (
        "INSERT INTO job_steps (job_id, product_image_id, image_position, position, step_name)"
        " SELECT job_id, product_image_id, image_position, position, step_name FROM job_steps LIMIT 1"
    ),
}


@pytest.mark.parametrize("what", TWICE)
def test_the_database_itself_refuses(database, seen, what):
    with pytest.raises(psycopg.errors.UniqueViolation):
        database.execute(TWICE[what])


def test_a_retry_does_not_wait_for_the_worker_that_is_at_the_analysis(user, images, database):
    product_id, image_ids = images
    job_id = at_work(database, user, product_id, image_ids[0])
    with database.transaction():
        database.execute("SELECT FROM analyses WHERE product_image_id = %s FOR UPDATE", [image_ids[0]])
        answer = user.http.post(f"/analysis/{image_ids[0]}/retry", timeout=5)
        database.execute("SELECT FROM products WHERE id = %s FOR UPDATE", [product_id])
    assert answer.status_code == 409
    assert cancel(user, job_id) == 204


def at_work(database, user, product_id, image_id):
    """Write a job as one that a worker, who is nobody, holds for an hour."""
    (job_id,) = database.execute(
        """
        INSERT INTO jobs (id, user_id, product_id, job_type, status, total_images)
        VALUES (gen_random_uuid(), %s, %s, 'single', 'processing', 1) RETURNING id
        """,
        [user.id, product_id],
    ).fetchone()
    database.execute(
        """
        INSERT INTO job_images (job_id, image_id, position, queue, status, lease_until)
        VALUES (%s, %s, 0, 'single', 'processing', now() + interval '1 hour')
        """,
        [job_id, image_id],
    )
    return job_id
