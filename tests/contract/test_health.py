"""Section "Health Checks" of the reference, and what the notes say of parts that are away."""

import pytest

from tests.contract.wire import User, eventually, put, small_photo, until_closed

CHECKS = {"database", "redis", "storage", "models", "prefect"}
FATAL = ["database", "redis", "storage"]
TOLD = ["models", "prefect"]


@pytest.fixture(scope="module")
def owner(second):
    """A user of the second service."""
    user = User(second.url, local_address="127.0.0.9")
    yield user
    user.close()


def told(second, part):
    """The readiness as soon as it tells that the part is away."""
    return eventually(second.ready, lambda answer: answer.json()["checks"][part] != "ok", 15)


def recovered(second):
    return eventually(second.ready, lambda answer: set(answer.json()["checks"].values()) == {"ok"})


def test_health_needs_no_token(anonymous):
    answer = anonymous.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "healthy"}


def test_ready_names_every_part(anonymous):
    answer = anonymous.get("/ready")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "checks": dict.fromkeys(CHECKS, "ok")}


@pytest.mark.parametrize("part", FATAL)
def test_without_database_redis_or_storage_it_is_not_ready(second, part):
    recovered(second)
    with second.lines[part].cut():
        answer = told(second, part)
        assert answer.status_code == 503
        body = answer.json()
        assert (body["status"], set(body["checks"])) == ("not_ready", CHECKS)
        assert body["checks"][part].startswith("error: ")
        assert body["checks"][part] != "error: "
        assert all(body["checks"][other] == "ok" for other in FATAL if other != part)
    assert recovered(second).json()["status"] == "ready"


@pytest.mark.parametrize("part", TOLD)
def test_models_and_prefect_are_told_and_not_fatal(second, part):
    recovered(second)
    with second.lines[part].cut():
        answer = told(second, part)
        assert answer.status_code == 200
        assert answer.json()["checks"][part].startswith("error: ")
        assert answer.json()["status"] == "ready"
    recovered(second)


@pytest.mark.parametrize("part", [*FATAL, *TOLD])
def test_health_says_only_that_the_process_lives(second, anonymous, part):
    with second.lines[part].cut():
        answer = anonymous.get(f"{second.url}/health")
        assert (answer.status_code, answer.json()) == (200, {"status": "healthy"})
    recovered(second)


@pytest.mark.parametrize("part", TOLD)
def test_uploads_are_accepted_without_models_or_prefect(second, owner, part):
    product_id = owner.product()["id"]
    with second.lines[part].cut():
        uploaded = owner.upload(product_id)
    recovered(second)
    assert owner.finished(uploaded["job_id"])["status"] == "completed"


def test_without_the_database_calls_are_503_and_the_service_comes_back_by_itself(second, owner):
    recovered(second)
    product = owner.product()
    with second.lines["database"].cut():
        statuses = {
            owner.http.get("/products").status_code,
            owner.http.post("/products", json={"title": "x"}).status_code,
            owner.http.get(f"/products/{product['id']}").status_code,
        }
        assert statuses == {503}
    recovered(second)
    assert owner.http.get(f"/products/{product['id']}").json() == product


def test_without_storage_an_upload_is_a_gateway_error_and_nothing_is_half_done(second, owner):
    recovered(second)
    product_id = owner.product()["id"]
    with second.lines["storage"].cut():
        assert owner.send(product_id, small_photo()).status_code in {502, 503}
    recovered(second)
    images = owner.http.get(f"/products/{product_id}").json()["images"]
    assert [image for image in images if image["upload_status"] == "uploaded"] == []
    assert owner.http.get("/jobs", params={"status": "queued"}).json()["total"] == 0


def test_a_confirm_without_storage_can_be_repeated(second, owner):
    recovered(second)
    content = small_photo()
    presigned = owner.presign(owner.product()["id"], content)
    put(presigned["upload_url"], content)
    with second.lines["storage"].cut():
        answer = owner.http.post("/uploads/confirm", json={"image_id": presigned["image_id"]})
        assert answer.status_code in {502, 503}
    recovered(second)
    answer = owner.http.post("/uploads/confirm", json={"image_id": presigned["image_id"]})
    assert answer.status_code == 200
    assert owner.finished(answer.json()["job_id"])["status"] == "completed"


def test_without_redis_an_upload_is_accepted_and_its_end_still_arrives_on_the_socket(second, owner):
    recovered(second)
    product_id = owner.product()["id"]
    with second.lines["redis"].cut():
        uploaded = owner.upload(product_id)
        events, code = owner.events(uploaded["job_id"])
    assert (events[-1]["type"], code) == ("job_complete", 1000)
    assert owner.analysis(uploaded["image_id"])["status"] == "completed"
    recovered(second)


def test_a_socket_that_was_open_when_redis_went_away_still_sees_the_end(second, owner):
    recovered(second)
    uploaded = owner.upload(owner.product()["id"])
    with owner.socket(uploaded["job_id"]) as stream, second.lines["redis"].cut():
        events, code = until_closed(stream)
    assert (events[-1]["type"], code) == ("job_complete", 1000)
    assert [event["type"] for event in events].count("job_complete") == 1
    recovered(second)
