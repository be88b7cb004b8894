"""Another try for the images that a job has not succeeded with."""

import uuid

import pytest

from tests.contract.wire import at_once, put, small_photo

UNKNOWN = str(uuid.uuid4())


def retry(user, job_id):
    return user.http.post(f"/jobs/{job_id}/retry")


def batch(user, product_id, image_ids):
    answer = user.http.post("/batch", json={"product_id": product_id, "image_ids": image_ids})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


class Mendable:
    """A batch of two images, one of which fails until it is mended: another object lies in its place."""

    def __init__(self, user):
        self.product_id = user.product()["id"]
        self._content = small_photo(of_size=5000)
        presigned = user.presign(self.product_id, self._content)
        self._url, self.failing = presigned["upload_url"], presigned["image_id"]
        put(self._url, self._content)
        confirmed = user.http.post("/uploads/confirm", json={"image_id": self.failing}).json()
        sound = user.upload(self.product_id)
        for job_id in (confirmed["job_id"], sound["job_id"]):
            user.finished(job_id)
        put(self._url, small_photo(of_size=5000))
        self.job_id = batch(user, self.product_id, [sound["image_id"], self.failing])
        user.finished(self.job_id)

    def mend(self):
        put(self._url, self._content)


@pytest.fixture
def half_failed(user):
    return Mendable(user)


@pytest.fixture(scope="module")
def failing(user):
    """A batch with a failed image that stays as it is."""
    return Mendable(user)


@pytest.fixture(scope="module")
def mended(user):
    """A batch whose failed image was mended and tried again, and the answer to that."""
    batch = Mendable(user)
    batch.mend()
    answer = retry(user, batch.job_id)
    assert answer.status_code == 201, answer.text
    user.finished(answer.json()["id"])
    return batch, answer.json()


def test_the_failed_images_of_a_batch_are_tried_again_as_a_job_of_their_own(user, mended):
    batch, job = mended
    assert (job["job_type"], job["status"], job["total_images"]) == ("batch", "queued", 1)
    assert job["id"] != batch.job_id
    assert {step["product_image_id"] for step in job["steps"]} == {batch.failing}
    done = user.job(job["id"])
    assert (done["status"], done["processed_images"], done["failed_images"]) == ("completed", 1, 0)
    assert user.analysis(batch.failing)["status"] == "completed"
    assert user.job(batch.job_id)["failed_images"] == 1


def test_what_succeeded_since_is_not_tried_again(user, mended):
    assert retry(user, mended[0].job_id).status_code == 409


def test_a_job_that_is_not_mine_does_not_exist(stranger, failing):
    answers = [retry(stranger, job_id) for job_id in (failing.job_id, UNKNOWN)]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()


def test_what_fails_again_can_be_tried_again(user, failing):
    again = user.finished(retry(user, failing.job_id).json()["id"])

    assert again["status"] == "failed"
    assert retry(user, again["id"]).status_code == 201


def test_of_many_retries_at_once_one_is_a_job(user, half_failed):
    answers = at_once(lambda _: retry(user, half_failed.job_id), 6)

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]


def test_a_job_without_failures_is_a_conflict_in_words(user):
    uploaded = user.upload(user.product()["id"])
    user.finished(uploaded["job_id"])

    answer = retry(user, uploaded["job_id"])

    assert answer.status_code == 409
    assert answer.json()["detail"] == "The job has no failed image that could be tried again."


def test_a_job_that_has_not_ended_is_a_conflict_in_words(user):
    product_id = user.product()["id"]
    uploads = [user.upload(product_id) for _ in range(20)]
    job_id = batch(user, product_id, [uploaded["image_id"] for uploaded in uploads])

    answer = retry(user, job_id)

    assert (answer.status_code, answer.json()["detail"]) == (409, "The job has not ended yet.")
    assert user.http.delete(f"/batch/{job_id}").status_code == 204


def test_a_deleted_products_job_has_nothing_to_try(user, half_failed):
    assert user.http.delete(f"/products/{half_failed.product_id}").status_code == 204

    assert retry(user, half_failed.job_id).status_code == 409
