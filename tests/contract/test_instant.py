"""``POST /analyze``: a picture in, its findings out, beside the reference; nothing of it is kept."""

import contextlib
import io
import socket
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image

from tests.contract.wire import a_user, eventually, keeps_the_forms, small_photo
from tests.scraping import Scrape

MOST_BYTES = 50_000_000
AT_ONCE = 60
"""More than are computed and wait together."""
ROW_IDS = ("id", "product_image_id")


def send_file(user, content, kind="image/jpeg"):
    return user.http.post("/analyze", files={"file": ("photo.jpg", content, kind)})


def send_body(user, content, kind="image/jpeg"):
    return user.http.post("/analyze", content=content, headers={"Content-Type": kind} if kind else {})


def slow_picture():
    """Few bytes and many pixels: it takes a while to decode."""
    out = io.BytesIO()
    Image.new("RGB", (5000, 4000), "white").save(out, "PNG")
    return out.getvalue()


def findings(analysis):
    """What was found, without what belongs to rows and clocks."""
    apart = {*ROW_IDS, "created_at", "updated_at", "processing_time_ms"}
    found = {name: value for name, value in analysis.items() if name not in apart}
    for name in ("extracted_attributes", "detected_defects"):
        found[name] = [{key: value for key, value in one.items() if key != "id"} for one in analysis[name]]
    return found


@pytest.mark.parametrize("send", [send_file, send_body])
def test_the_answer_is_what_an_upload_of_the_picture_finds(user, product, send):
    content = small_photo()
    stored = user.analysis(user.analysed(product["id"], content)["image_id"])

    answer = send(user, content)

    assert answer.status_code == 200, answer.text
    analysis = answer.json()
    assert set(analysis) == set(stored)
    assert findings(analysis) == findings(stored)
    assert {analysis[name] for name in ROW_IDS} == {None}
    assert all(one["id"] is None for one in analysis["extracted_attributes"] + analysis["detected_defects"])
    assert analysis["processing_time_ms"] >= 0


def test_nothing_is_kept(new_user, database, s3, platform):
    user = new_user()
    counted = "SELECT (SELECT count(*) FROM jobs WHERE user_id = %(who)s)"
    counted += " + (SELECT count(*) FROM products WHERE user_id = %(who)s)"
    assert send_file(user, small_photo()).status_code == 200
    assert database.execute(counted, {"who": user.id}).fetchone()[0] == 0
    kept = s3.list_objects_v2(Bucket=platform.env["S3_BUCKET"], Prefix=f"products/{user.id}/")
    assert kept["KeyCount"] == 0


@pytest.mark.parametrize("kind", ["image/png", "application/octet-stream", None])
def test_the_content_decides_what_a_picture_is(user, kind):
    assert send_body(user, small_photo(), kind).status_code == 200
    assert send_file(user, small_photo(), kind).status_code == 200


@pytest.mark.parametrize(
    "content", [b"", b"hello", small_photo()[:-200]], ids=["nothing", "text", "a cut one"]
)
@pytest.mark.parametrize("send", [send_file, send_body])
def test_what_is_no_picture_is_422(user, send, content):
    assert send(user, content).status_code == 422


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "application/x-www-form-urlencoded"])
def test_a_body_of_another_kind_is_415(user, kind):
    assert send_body(user, small_photo(), kind).status_code == 415


def test_a_form_without_a_file_is_422(user):
    assert user.http.post("/analyze", files={"photo": ("a.jpg", small_photo())}).status_code == 422
    assert user.http.post("/analyze", files={"file": (None, "words")}).status_code == 422
    broken = {"Content-Type": "multipart/form-data"}
    assert user.http.post("/analyze", content=b"x", headers=broken).status_code == 422


def test_a_body_over_fifty_million_bytes_is_413(user):
    assert send_body(user, bytes(MOST_BYTES + 1)).status_code == 413
    assert send_file(user, bytes(MOST_BYTES + 1)).status_code == 413


def test_it_counts_in_the_tier_of_analysis(second):
    with a_user(second.url, local_address="127.0.3.1") as caller:
        unknown = uuid.uuid4()
        for _ in range(59):
            assert caller.http.get(f"/analysis/{unknown}").status_code == 404
        assert send_body(caller, b"").status_code == 422
        answer = send_body(caller, b"")
        assert answer.status_code == 429
        assert answer.headers["Retry-After"].isdecimal()


def test_more_than_can_wait_are_told_to_come_again(user):
    content = slow_picture()
    with (
        httpx.Client(
            base_url=user.http.base_url,
            headers=user.http.headers,
            timeout=120,
            limits=httpx.Limits(max_connections=AT_ONCE),
            event_hooks={"response": [keeps_the_forms]},
        ) as client,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        kind = {"Content-Type": "image/png"}
        answers = list(
            pool.map(lambda _: client.post("/analyze", content=content, headers=kind), range(AT_ONCE))
        )
    assert {answer.status_code for answer in answers} == {200, 503}
    for answer in answers:
        assert (answer.status_code == 503) == ("Retry-After" in answer.headers)


@contextlib.contextmanager
def asking(user, content):
    """A connection on which a picture was sent, and which is closed without waiting for the answer."""
    address = urlsplit(user.url)
    head = f"POST /api/v1/analyze HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: image/png\r\n"
    head += f"Authorization: Bearer {user.access_token}\r\nContent-Length: {len(content)}\r\n\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(head.encode() + content)
        yield


def test_what_nobody_waits_for_any_longer_is_not_computed(user, platform):
    private, given_up = platform.env["INFERENCE_URL"], {"outcome": "given_up"}
    before = Scrape(private).value("imagineai_predictions_total", **given_up)
    content = slow_picture()
    with contextlib.ExitStack() as callers:
        for _ in range(12):
            callers.enter_context(asking(user, content))
        eventually(lambda: Scrape(private).value("imagineai_predictions_held"), lambda held: held >= 12)
    eventually(
        lambda: Scrape(private).value("imagineai_predictions_total", **given_up), lambda now: now > before + 2
    )
