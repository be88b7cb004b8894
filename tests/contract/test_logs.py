"""The service's own log: a JSON object a line, with request id and user id; what the notes want told."""

import json
import uuid

import httpx
import pytest

from tests.contract.wire import User, eventually, put, small_photo

UNKNOWN = str(uuid.uuid4())


def parsed(log):
    return [json.loads(line) for line in log.read_text().splitlines()]


@pytest.fixture
def mine():
    """A request id of this test's own, as headers."""
    return {"X-Request-ID": f"test-{uuid.uuid4().hex}"}


@pytest.fixture
def told(platform, mine):
    """Wait until the log tells the end of a request, and give all its lines."""

    def lines(log=platform.home / "logs" / "api.log"):
        def of_this_request():
            return [line for line in parsed(log) if line.get("request_id") == mine["X-Request-ID"]]

        return eventually(of_this_request, lambda found: any("status" in line for line in found), 10)

    return lines


def said(lines, words):
    (line,) = [line for line in lines if words in line["message"]]
    return line


def test_every_line_is_a_json_object_with_time_level_logger_and_message(platform, user):
    user.http.get("/products")
    lines = parsed(platform.home / "logs" / "api.log")
    assert len(lines) > 10
    for line in lines:
        assert {"time", "level", "logger", "message"} <= set(line), line


def test_a_request_is_told_with_its_id_its_user_its_route_and_its_status(user, mine, told):
    user.http.get("/products", headers=mine)
    line = said(told(), "GET /api/v1/products")
    assert (line["user_id"], line["method"], line["path"]) == (user.id, "GET", "/api/v1/products")
    assert (line["status"], line["level"]) == (200, "INFO")


def test_a_login_is_told_with_its_user(anonymous, user, mine, told):
    body = {"email": user.email, "password": user.password}
    assert anonymous.post("/api/v1/auth/login", json=body, headers=mine).status_code == 200
    assert said(told(), "logged in")["user_id"] == user.id


def test_a_refused_login_is_told_with_the_user_whom_it_tried(anonymous, user, mine, told):
    body = {"email": user.email, "password": "not the password"}
    assert anonymous.post("/api/v1/auth/login", json=body, headers=mine).status_code == 401
    line = said(told(), "login was refused")
    assert (line["user_id"], line["level"]) == (user.id, "WARNING")


def test_a_login_of_nobody_is_told_without_what_was_sent(anonymous, mine, told):
    body = {"email": f"{uuid.uuid4().hex}@example.com", "password": "a password of nobody"}
    anonymous.post("/api/v1/auth/login", json=body, headers=mine)
    line = said(told(), "login was refused")
    assert "user_id" not in line or line["user_id"] is None
    assert body["email"] not in json.dumps(told())
    assert body["password"] not in json.dumps(told())


def test_the_reuse_of_a_refresh_token_is_told_with_its_user(anonymous, user, mine, told):
    body = {"refresh_token": user.login()["refresh_token"]}
    assert anonymous.post("/api/v1/auth/refresh", json=body).status_code == 200
    assert anonymous.post("/api/v1/auth/refresh", json=body, headers=mine).status_code == 401
    line = said(told(), "dead refresh token")
    assert (line["user_id"], line["level"]) == (user.id, "WARNING")


def test_a_request_without_a_token_is_told_as_refused(anonymous, mine, told):
    anonymous.get("/api/v1/products", headers=mine)
    assert said(told(), "GET /api/v1/products")["status"] == 401


def test_who_asks_for_what_is_not_theirs_is_told(user, product, stranger, mine, told):
    stranger.http.get(f"/products/{product['id']}", headers=mine)
    line = said(told(), "GET /api/v1/products")
    assert (line["status"], line["user_id"]) == (404, stranger.id)


def test_a_request_over_the_limit_is_told_with_its_tier_and_user(second, mine, told):
    owner = User(second.url, local_address="127.0.3.1")
    statuses = [owner.http.get(f"/batch/{UNKNOWN}").status_code for _ in range(60)]
    assert set(statuses) == {404}
    assert owner.http.get(f"/batch/{UNKNOWN}", headers=mine).status_code == 429
    lines = told(second.log)
    assert owner.id in said(lines, "Rate limit analysis")["message"]
    assert said(lines, "GET /api/v1/batch")["user_id"] == owner.id
    owner.close()


def test_a_refused_socket_is_told_with_its_user_and_without_its_token(platform, stranger, seen):
    log = platform.home / "logs" / "api.log"
    before = len(parsed(log))
    assert stranger.events(seen["job_id"]) == ([], 4003)
    assert stranger.events(seen["job_id"], token="no.good.token") == ([], 4001)

    def refusals():
        return [line for line in parsed(log)[before:] if "socket was refused" in line["message"]]

    of_stranger, of_nobody = eventually(refusals, lambda found: len(found) == 2, 10)
    assert (of_stranger["user_id"], "4003" in of_stranger["message"]) == (stranger.id, True)
    assert "4001" in of_nobody["message"]
    assert "no.good.token" not in log.read_text()


def test_the_signature_of_a_presigned_url_is_in_no_log(platform, user, product):
    content = small_photo()
    presigned = user.presign(product["id"], content)
    put(presigned["upload_url"], content)
    user.http.post("/uploads/confirm", json={"image_id": presigned["image_id"]})
    signature = httpx.URL(presigned["upload_url"]).params["X-Amz-Signature"]
    for log in (platform.home / "logs").glob("*.log"):
        assert signature not in log.read_text(errors="replace"), log


def run_log(platform, flow_run_id):
    """What Prefect keeps of a run's log."""
    body = {"logs": {"flow_run_id": {"any_": [flow_run_id]}}, "sort": "TIMESTAMP_DESC", "limit": 200}
    answer = httpx.post(f"{platform.env['PREFECT_API_URL']}/logs/filter", json=body, timeout=30)
    return "\n".join(entry["message"] for entry in answer.json())


def test_a_request_id_follows_an_upload_into_the_log_of_its_flow_run(platform, user, product, mine):
    job_id = user.http.post(
        "/uploads/direct",
        data={"product_id": product["id"]},
        files={"file": ("photo.jpg", small_photo(), "image/jpeg")},
        headers=mine,
    ).json()["job_id"]
    run = user.finished(job_id)["celery_task_id"]
    text = eventually(lambda: run_log(platform, run), lambda text: mine["X-Request-ID"] in text, 30)
    assert job_id in text


def test_a_request_id_follows_a_batch_into_the_log_of_its_flow_run(platform, user, product, seen, mine):
    body = {"product_id": product["id"], "image_ids": [seen["image_id"]]}
    job_id = user.http.post("/batch", json=body, headers=mine).json()["id"]
    run = user.finished(job_id)["celery_task_id"]
    text = eventually(lambda: run_log(platform, run), lambda text: mine["X-Request-ID"] in text, 30)
    assert job_id in text
