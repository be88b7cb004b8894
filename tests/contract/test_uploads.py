"""Section "Uploads" of the reference, and of the notes: presigned and confirmed."""

import re
import uuid
from urllib.parse import urlsplit

import httpx
import pytest

from tests.contract.wire import at_once, put, small_photo

MOST_BYTES = 50_000_000
UNKNOWN = str(uuid.uuid4())
ALLOWED = ["image/jpeg", "image/png", "image/webp", "image/gif"]


def wish(product_id, **changes):
    body = {"filename": "photo.jpg", "content_type": "image/jpeg", "file_size_bytes": 1000}
    return {"product_id": product_id, **body, **changes}


def presigned_url(user, **body):
    return user.http.post("/uploads/presigned-url", json=body)


def confirm(user, image_id):
    return user.http.post("/uploads/confirm", json={"image_id": image_id})


def images(user, product_id):
    return user.http.get(f"/products/{product_id}").json()["images"]


def image_of(user, product_id, image_id):
    (image,) = [image for image in images(user, product_id) if image["id"] == image_id]
    return image


def uploaded(user, product_id, content):
    """Presign and PUT, without confirming."""
    presigned = user.presign(product_id, content)
    put(presigned["upload_url"], content)
    return presigned


def test_a_presigned_url_comes_with_image_key_and_an_hour(user, product):
    answer = presigned_url(user, **wish(product["id"]))
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"upload_url", "image_id", "s3_key", "expires_in"}
    assert body["expires_in"] == 3600
    pattern = rf"products/{user.id}/{product['id']}/[^/]+_photo\.jpg"
    assert re.fullmatch(pattern, body["s3_key"])
    assert body["s3_key"] in body["upload_url"]


def test_a_presigned_url_runs_out_after_the_time_it_says(user, product):
    body = presigned_url(user, **wish(product["id"])).json()
    assert httpx.URL(body["upload_url"]).params["X-Amz-Expires"] == str(body["expires_in"])


def test_a_presigned_image_exists_at_once_and_is_pending(user, product):
    image_id = presigned_url(user, **wish(product["id"])).json()["image_id"]
    assert image_of(user, product["id"], image_id)["upload_status"] == "pending"


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "a/b\\c.jpg", "ünï cödé?#&.jpg", ".", "%2e%2e%2fx", "x" * 200 + ".jpg", "con\tx"],
)
def test_a_key_carries_only_a_safe_form_of_the_name(user, product, name):
    key = presigned_url(user, **wish(product["id"], filename=name)).json()["s3_key"]
    folder, _, last = key.rpartition("/")
    assert folder == f"products/{user.id}/{product['id']}"
    assert re.fullmatch(r"[A-Za-z0-9._-]+", last)


@pytest.mark.parametrize("kind", ALLOWED)
def test_the_four_types_are_presigned(user, product, kind):
    assert presigned_url(user, **wish(product["id"], content_type=kind)).status_code == 200


@pytest.mark.parametrize("kind", ["image/svg+xml", "image/bmp", "image/tiff", "text/plain", "jpeg"])
def test_another_type_is_415(user, product, kind):
    assert presigned_url(user, **wish(product["id"], content_type=kind)).status_code == 415


def test_fifty_million_bytes_are_presigned_and_one_more_is_413(user, product):
    assert presigned_url(user, **wish(product["id"], file_size_bytes=MOST_BYTES)).status_code == 200
    assert presigned_url(user, **wish(product["id"], file_size_bytes=MOST_BYTES + 1)).status_code == 413


@pytest.mark.parametrize("size", [0, -1, "many", "1000", True, 1.5, None])
def test_a_size_that_is_none_is_refused(user, product, size):
    assert presigned_url(user, **wish(product["id"], file_size_bytes=size)).status_code == 422


@pytest.mark.parametrize("field", ["product_id", "filename", "content_type", "file_size_bytes"])
def test_a_presign_request_without_a_field_is_refused(user, product, field):
    body = wish(product["id"])
    del body[field]
    assert presigned_url(user, **body).status_code == 422


def test_nobody_presigns_for_a_product_that_is_not_theirs(product, stranger):
    foreign = presigned_url(stranger, **wish(product["id"]))
    unknown = presigned_url(stranger, **wish(UNKNOWN))
    assert (foreign.status_code, unknown.status_code) == (404, 404)
    assert foreign.json() == unknown.json()


def test_the_signature_holds_the_length(user, product):
    url = user.presign(product["id"], b"x" * 1000)["upload_url"]
    answer = httpx.put(url, content=b"x" * 1001, headers={"Content-Type": "image/jpeg"})
    assert answer.status_code == 403


def test_the_signature_holds_the_type(user, product):
    content = small_photo()
    url = user.presign(product["id"], content)["upload_url"]
    assert httpx.put(url, content=content, headers={"Content-Type": "text/html"}).status_code == 403


def test_the_signature_holds_the_key(user, product):
    content = small_photo()
    presigned = user.presign(product["id"], content)
    other = presigned["upload_url"].replace("_photo.jpg", "_other.jpg")
    assert httpx.put(other, content=content, headers={"Content-Type": "image/jpeg"}).status_code == 403


def test_the_bucket_is_private(user, product):
    content = small_photo()
    url = uploaded(user, product["id"], content)["upload_url"]
    parts = urlsplit(url)
    assert httpx.get(f"{parts.scheme}://{parts.netloc}{parts.path}").status_code == 403
    assert httpx.get(f"{parts.scheme}://{parts.netloc}/{parts.path.split('/')[1]}").status_code == 403


def test_confirming_starts_a_job(user, product):
    content = small_photo(120, 90)
    image_id = uploaded(user, product["id"], content)["image_id"]
    answer = confirm(user, image_id)
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"image_id", "job_id", "status", "message"}
    assert (body["image_id"], body["status"]) == (image_id, "queued")
    assert body["message"] == "Image processing started"
    assert user.finished(body["job_id"])["status"] == "completed"
    image = image_of(user, product["id"], image_id)
    assert (image["upload_status"], image["file_size_bytes"]) == ("uploaded", len(content))
    assert (image["width"], image["height"]) == (120, 90)


def test_confirming_before_the_object_is_there_is_409(user, product):
    image_id = user.presign(product["id"], b"x" * 100)["image_id"]
    assert confirm(user, image_id).status_code == 409
    assert image_of(user, product["id"], image_id)["upload_status"] == "pending"


def test_an_object_that_is_no_picture_fails_and_is_deleted(user, product, bucket):
    presigned = uploaded(user, product["id"], b"this is no picture")
    assert confirm(user, presigned["image_id"]).status_code == 422
    assert image_of(user, product["id"], presigned["image_id"])["upload_status"] == "failed"
    assert bucket(presigned["s3_key"]) == []
    assert user.http.get(f"/analysis/{presigned['image_id']}").status_code == 404


def test_a_second_confirm_gives_the_same_job(user, product):
    image_id = uploaded(user, product["id"], small_photo())["image_id"]
    first, second = confirm(user, image_id), confirm(user, image_id)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json()["job_id"] == second.json()["job_id"]
    user.finished(first.json()["job_id"])
    assert confirm(user, image_id).json()["job_id"] == first.json()["job_id"]


def test_six_confirms_at_once_start_one_job(new_user):
    user = new_user()
    image_id = uploaded(user, user.product()["id"], small_photo())["image_id"]
    answers = at_once(lambda _: confirm(user, image_id), 6)
    assert [answer.status_code for answer in answers] == [200] * 6
    assert len({answer.json()["job_id"] for answer in answers}) == 1
    assert user.http.get("/jobs").json()["total"] == 1


def test_nobody_confirms_an_image_that_is_not_theirs(user, product, stranger):
    image_id = uploaded(user, product["id"], small_photo())["image_id"]
    foreign, unknown = confirm(stranger, image_id), confirm(stranger, UNKNOWN)
    assert (foreign.status_code, unknown.status_code) == (404, 404)
    assert foreign.json() == unknown.json()
    assert image_of(user, product["id"], image_id)["upload_status"] == "pending"


@pytest.mark.parametrize("body", [{}, {"image_id": None}, {"image_id": 7}, {"image_id": []}])
def test_a_confirm_without_an_image_is_refused(user, body):
    assert user.http.post("/uploads/confirm", json=body).status_code == 422


def test_a_key_an_id_a_status_and_an_owner_cannot_be_chosen(user, product, stranger):
    forged = {"s3_key": "forged", "image_id": UNKNOWN, "upload_status": "uploaded", "user_id": stranger.id}
    answer = presigned_url(user, **wish(product["id"]), **forged)
    assert answer.status_code in {200, 422}
    if answer.status_code == 200:
        body = answer.json()
        assert body["image_id"] != UNKNOWN
        assert body["s3_key"].startswith(f"products/{user.id}/")
        assert image_of(user, product["id"], body["image_id"])["upload_status"] == "pending"


def test_an_object_over_fifty_million_bytes_fails_and_is_deleted(user, product, bucket, place_object):
    presigned = user.presign(product["id"], small_photo())
    place_object(presigned["s3_key"], small_photo() + bytes(MOST_BYTES))
    assert confirm(user, presigned["image_id"]).status_code == 422
    assert image_of(user, product["id"], presigned["image_id"])["upload_status"] == "failed"
    assert bucket(presigned["s3_key"]) == []


def test_the_size_that_counts_is_the_objects_own(user, product, place_object):
    presigned = user.presign(product["id"], small_photo())
    content = small_photo(of_size=6000)
    place_object(presigned["s3_key"], content)
    assert confirm(user, presigned["image_id"]).status_code == 200
    assert image_of(user, product["id"], presigned["image_id"])["file_size_bytes"] == len(content)


def test_an_object_of_another_type_than_presigned_fails(user, product):
    content = b"\x89PNG\r\n\x1a\n" + bytes(100)
    presigned = uploaded(user, product["id"], content)
    assert confirm(user, presigned["image_id"]).status_code == 422
    assert image_of(user, product["id"], presigned["image_id"])["upload_status"] == "failed"


def test_a_url_is_good_for_a_second_put_after_a_failed_confirm(user, product):
    content = small_photo(of_size=4000)
    presigned = uploaded(user, product["id"], b"x" * 4000)
    assert confirm(user, presigned["image_id"]).status_code == 422
    put(presigned["upload_url"], content)
    answer = confirm(user, presigned["image_id"])
    assert answer.status_code == 200
    assert user.finished(answer.json()["job_id"])["status"] == "completed"
    assert image_of(user, product["id"], presigned["image_id"])["upload_status"] == "uploaded"


def test_the_last_object_before_the_confirm_is_the_one_that_counts(user, product):
    first, last = small_photo(100, 80, of_size=5000), small_photo(90, 70, of_size=5000)
    presigned = uploaded(user, product["id"], first)
    put(presigned["upload_url"], last)
    answer = confirm(user, presigned["image_id"])
    assert user.finished(answer.json()["job_id"])["status"] == "completed"
    image = image_of(user, product["id"], presigned["image_id"])
    assert (image["width"], image["height"]) == (90, 70)


def test_an_analysis_is_there_as_soon_as_the_upload_is_confirmed(user, product):
    image_id = uploaded(user, product["id"], small_photo())["image_id"]
    assert user.http.get(f"/analysis/{image_id}").status_code == 404
    assert confirm(user, image_id).status_code == 200
    assert user.analysis(image_id)["product_image_id"] == image_id
