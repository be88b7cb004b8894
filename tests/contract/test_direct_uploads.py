"""Section "Uploads": through the API; single pictures are in test_pictures.py."""

import io
import os
import socket
import uuid
import zlib
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from PIL import Image

from tests.contract.wire import at_once, small_photo

MOST_BYTES = 50_000_000
UNKNOWN = str(uuid.uuid4())


def images(user, product_id):
    return user.http.get(f"/products/{product_id}").json()["images"]


def test_a_direct_upload_starts_a_job(user, product):
    answer = user.send(product["id"], small_photo())
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"image_id", "job_id", "status", "message"}
    assert (body["status"], body["message"]) == ("queued", "Image uploaded and processing started")
    assert user.finished(body["job_id"])["status"] == "completed"


@pytest.mark.parametrize("kind", ["image/svg+xml", "image/bmp", "application/pdf", "text/plain", ""])
def test_a_declared_type_outside_the_four_is_415(user, product, kind):
    assert user.send(product["id"], small_photo(), kind=kind).status_code == 415


@pytest.mark.parametrize("name", ["photo.png", "photo.txt", "photo", "../../x.jpg", "n" * 300 + ".jpg"])
def test_the_name_does_not_decide(user, product, name):
    assert user.send(product["id"], small_photo(), name=name).status_code == 200


def heavy_png(size):
    """A picture of noise in exactly so many bytes: stored, not compressed, filled up by a private chunk."""
    side = 4050
    out = io.BytesIO()
    Image.frombytes("RGB", (side, side), os.urandom(side * side * 3)).save(out, "PNG", compress_level=0)
    content = out.getvalue()
    room = size - len(content) - 12
    kind_and_data = b"prVt" + b"x" * room
    chunk = room.to_bytes(4, "big") + kind_and_data + zlib.crc32(kind_and_data).to_bytes(4, "big")
    return content[:33] + chunk + content[33:]


def test_fifty_million_bytes_are_accepted_and_one_more_is_413(user, product):
    content = heavy_png(MOST_BYTES)
    assert len(content) == MOST_BYTES
    answer = user.send(product["id"], content, kind="image/png")
    assert answer.status_code == 200
    assert user.send(product["id"], heavy_png(MOST_BYTES + 1), kind="image/png").status_code == 413
    assert user.finished(answer.json()["job_id"])["status"] == "completed"


def test_an_endless_body_without_a_length_is_413(user):
    def parts():
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="p.jpg"\r\n\r\n'
        for _ in range(60):
            yield b"x" * 1_000_000

    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    assert user.http.post("/uploads/direct", content=parts(), headers=kind).status_code == 413


def head_only(platform, token, length):
    """Send only the head of an upload and give the status that comes without a body having been sent."""
    parts = urlsplit(platform.url)
    head = f"POST /api/v1/uploads/direct HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {length}\r\n"
    head += "Content-Type: multipart/form-data; boundary=b\r\n"
    head += f"Authorization: Bearer {token}\r\n\r\n" if token else "\r\n"
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        connection.sendall(head.encode())
        return int(connection.recv(4096).split()[1])


def test_the_token_is_checked_before_the_body_is_read(platform):
    assert head_only(platform, None, 60_000_000) == 401
    assert head_only(platform, "no.good.token", 1_000_000) == 401


def test_the_length_is_checked_before_the_body_is_read(platform, user):
    assert head_only(platform, user.access_token, 60_000_000) == 413


def test_a_missing_part_or_field_is_422_in_any_encoding(user, product):
    content, field = small_photo(), {"product_id": product["id"]}
    picture = {"file": ("photo.jpg", content, "image/jpeg")}
    answers = [
        user.http.post("/uploads/direct", files=picture),
        user.http.post("/uploads/direct", data=field),
        user.http.post("/uploads/direct", data=field, files={"other": picture["file"]}),
        user.http.post("/uploads/direct", data={**field, "file": "text"}),
        user.http.post(
            "/uploads/direct", files={"product_id": (None, product["id"]), "file": (None, "text")}
        ),
        user.http.post("/uploads/direct", json=field),
        user.http.post("/uploads/direct"),
        user.http.post("/uploads/direct", content=content, headers={"Content-Type": "image/jpeg"}),
    ]
    assert [answer.status_code for answer in answers] == [422] * len(answers)


@pytest.mark.parametrize(
    "head",
    ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=other"],
)
def test_a_broken_multipart_body_is_refused(user, head):
    answer = user.http.post("/uploads/direct", content=b"--b\r\nnonsense", headers={"Content-Type": head})
    assert answer.status_code in {400, 422}


@pytest.mark.parametrize("product_id", ["", "7", "not an id", "\0", "9" * 100])
def test_a_product_id_that_is_none_is_refused(user, product_id):
    assert user.send(product_id, small_photo()).status_code in {404, 422}


def test_nobody_uploads_to_a_product_that_is_not_theirs(product, stranger):
    foreign, unknown = stranger.send(product["id"], small_photo()), stranger.send(UNKNOWN, small_photo())
    assert (foreign.status_code, unknown.status_code) == (404, 404)
    assert foreign.json() == unknown.json()


def test_a_refused_upload_leaves_no_image_and_no_object(new_user, bucket):
    user = new_user()
    product_id = user.product()["id"]
    assert user.send(product_id, b"no picture").status_code == 422
    assert user.send(product_id, small_photo(), kind="text/plain").status_code == 415
    assert [image for image in images(user, product_id) if image["upload_status"] != "failed"] == []
    assert bucket(f"products/{user.id}/{product_id}/") == []
    assert user.http.get("/jobs").json()["total"] == 0


def test_twenty_parallel_uploads_all_complete_with_one_primary_image(new_user):
    user = new_user()
    product_id = user.product()["id"]
    answers = at_once(lambda _: user.send(product_id, small_photo()), 20)
    assert [answer.status_code for answer in answers] == [200] * 20
    assert {user.finished(answer.json()["job_id"])["status"] for answer in answers} == {"completed"}
    found = images(user, product_id)
    assert len({image["id"] for image in found}) == 20
    assert [image["is_primary"] for image in found].count(True) == 1


def test_an_upload_keeps_no_id_and_no_status_that_a_user_chose(user, product):
    answer = user.http.post(
        "/uploads/direct",
        data={"product_id": product["id"], "image_id": UNKNOWN, "s3_key": "forged", "is_primary": "true"},
        files={"file": ("photo.jpg", small_photo(), "image/jpeg")},
    )
    assert answer.status_code == 200
    assert answer.json()["image_id"] != UNKNOWN
    (image,) = [each for each in images(user, product["id"]) if each["id"] == answer.json()["image_id"]]
    assert image["s3_key"].startswith(f"products/{user.id}/{product['id']}/")


def test_health_answers_while_large_pictures_are_decoded(anonymous, user, product):
    out = io.BytesIO()
    Image.new("RGB", (7000, 7000)).save(out, "PNG")
    with ThreadPoolExecutor(4) as pool:
        uploads = [pool.submit(user.send, product["id"], out.getvalue(), kind="image/png") for _ in range(4)]
        assert anonymous.get("/health").status_code == 200
        assert not all(each.done() for each in uploads), "health waited for every picture"
    jobs = [each.result().json()["job_id"] for each in uploads]
    assert {user.finished(job_id)["status"] for job_id in jobs} == {"completed"}
