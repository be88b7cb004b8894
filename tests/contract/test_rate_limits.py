"""Section "Rate Limiting" of the reference, and of the notes; on a service with the reference's limits."""

import itertools
import uuid

import httpx
import pytest

from tests.contract.wire import PASSWORD, User, a_user, at_once, new_client, small_photo

ADDRESSES = (f"127.0.1.{last}" for last in itertools.count(1))
UNKNOWN = str(uuid.uuid4())


@pytest.fixture(scope="module", autouse=True)
def warm(second):
    """Connections that earlier tests have cut are found out and replaced before anything is counted."""
    with a_user(second.url, local_address="127.0.1.0") as user:
        at_once(lambda _: user.http.get("/auth/me"), 8)
        at_once(lambda _: wrong_login(user.http), 4)


@pytest.fixture
def caller(second):
    """A user of the second service, at an address of their own."""
    with a_user(second.url, local_address=next(ADDRESSES)) as user:
        yield user


@pytest.fixture
def elsewhere(second):
    """A client at an address of its own, without a token."""
    with new_client(second.url, local_address=next(ADDRESSES)) as client:
        yield client


def passed_before_429(call, most):
    """How many of ``most + 2`` calls pass; the first refusal must say how long to wait."""
    for count in range(most + 2):
        answer = call(count)
        if answer.status_code == 429:
            assert answer.headers["Retry-After"].isdecimal()
            assert 1 <= int(answer.headers["Retry-After"]) <= 60
            return count
    return most + 2


def wrong_login(client, **headers):
    body = {"email": f"{uuid.uuid4().hex}@example.com", "password": PASSWORD}
    return client.post("/auth/login", json=body, headers=headers)


def test_ten_authentications_a_minute_pass_from_one_address(elsewhere):
    def call(count):
        calls = [
            lambda: elsewhere.post("/auth/refresh", json={"refresh_token": "abc"}),
            lambda: elsewhere.post("/auth/register", json={"email": "nobody"}),
            lambda: wrong_login(elsewhere),
            lambda: elsewhere.post("/auth/logout", json={"refresh_token": "abc"}),
        ]
        return calls[count % 4]()

    assert passed_before_429(call, 10) == 10


def test_a_good_login_is_limited_like_a_bad_one(caller):
    body = {"email": caller.email, "password": caller.password}
    assert passed_before_429(lambda _: caller.http.post("/auth/login", json=body), 10) == 8


def test_one_address_does_not_limit_another(elsewhere, second):
    assert passed_before_429(lambda _: wrong_login(elsewhere), 10) == 10
    other = User(second.url, local_address=next(ADDRESSES))
    other.close()


def test_a_forged_forwarding_header_gives_no_new_allowance(elsewhere):
    call = lambda count: wrong_login(elsewhere, **{"X-Forwarded-For": f"203.0.113.{count}"})  # noqa: E731
    assert passed_before_429(call, 10) == 10


def test_me_is_no_authentication_endpoint(caller):
    assert passed_before_429(lambda _: caller.http.get("/auth/me"), 20) == 22


def test_thirty_uploads_a_minute_pass_from_one_user(caller):
    product_id = caller.product()["id"]
    wish = {"filename": "p.jpg", "content_type": "image/jpeg", "file_size_bytes": 9, "product_id": product_id}

    def call(count):
        if count % 3 == 0:
            return caller.http.post("/uploads/presigned-url", json=wish)
        if count % 3 == 1:
            return caller.http.post("/uploads/confirm", json={"image_id": UNKNOWN})
        return caller.send(UNKNOWN, small_photo())

    assert passed_before_429(call, 30) == 30
    assert caller.http.get("/products").status_code == 200


def test_sixty_analyses_and_batches_a_minute_pass_from_one_user(caller):
    def call(count):
        calls = [
            lambda: caller.http.get(f"/analysis/{UNKNOWN}"),
            lambda: caller.http.post(f"/analysis/{UNKNOWN}/retry"),
            lambda: caller.http.get(f"/batch/{UNKNOWN}"),
            lambda: caller.http.post("/batch", json={}),
            lambda: caller.http.delete(f"/batch/{UNKNOWN}"),
            lambda: caller.http.post(f"/jobs/{UNKNOWN}/retry"),
        ]
        return calls[count % 6]()

    assert passed_before_429(call, 60) == 60
    assert caller.http.get("/jobs").status_code == 200


def test_a_hundred_and_twenty_reads_and_product_writes_a_minute_pass_from_one_user(caller, second):
    def call(count):
        calls = [
            lambda: caller.http.get("/products"),
            lambda: caller.http.get("/jobs"),
            lambda: caller.http.get("/dashboard/stats"),
            lambda: caller.http.post("/products", json={"title": "One of many"}),
            lambda: caller.http.patch(f"/products/{UNKNOWN}", json={}),
            lambda: caller.http.get("/auth/me"),
            lambda: caller.http.post(f"/webhooks/{UNKNOWN}/test"),
            lambda: caller.http.post(f"/imports/{UNKNOWN}/start"),
        ]
        return calls[count % 8]()

    assert passed_before_429(call, 120) == 120
    assert caller.http.get(f"/analysis/{UNKNOWN}").status_code == 404
    neighbour = User(second.url, local_address=next(ADDRESSES))
    assert neighbour.http.get("/products").status_code == 200
    neighbour.close()


def test_health_and_readiness_are_not_limited(second):
    with httpx.Client(base_url=second.url) as client:
        assert {client.get("/health").status_code for _ in range(150)} == {200}


def test_without_redis_reads_pass_and_authentication_stays_limited(caller, elsewhere, second):
    with second.lines["redis"].cut():
        assert passed_before_429(lambda _: caller.http.get("/auth/me"), 130) == 132
        assert passed_before_429(lambda _: wrong_login(elsewhere), 10) == 10
