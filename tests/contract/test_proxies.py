"""Section "Rate Limiting": behind a configured proxy, and with limits other than the reference's."""

import itertools
import uuid

import pytest

from tests.contract.services import SecondService
from tests.contract.wire import PASSWORD, a_user, eventually, small_photo

PROXY = "127.0.2.1"
SMALL = {
    "TRUSTED_PROXIES": f"{PROXY}, 127.0.2.2",
    "RATE_LIMIT_AUTH": "3/minute",
    "RATE_LIMIT_UPLOAD": "2/minute",
    "RATE_LIMIT_ANALYSIS": "2/minute",
    "RATE_LIMIT_READ": "4/2 seconds",
    "WEBSOCKETS_PER_USER": "1",
}
CLIENTS = (f"203.0.113.{last}" for last in itertools.count(1))
ADDRESSES = (f"127.0.4.{last}" for last in itertools.count(1))
UNKNOWN = str(uuid.uuid4())


@pytest.fixture(scope="module")
def behind_a_proxy(platform, tmp_path_factory):
    """A service that trusts two proxies and has small limits."""
    service = SecondService(platform.env, tmp_path_factory.mktemp("proxied") / "service.log", **SMALL)
    yield service
    service.stop()


@pytest.fixture
def caller(behind_a_proxy):
    with a_user(behind_a_proxy.url, local_address=next(ADDRESSES)) as user:
        yield user


@pytest.fixture
def proxy(behind_a_proxy):
    forwarded_for = {"X-Forwarded-For": next(CLIENTS)}
    with a_user(behind_a_proxy.url, local_address=PROXY, headers=forwarded_for) as user:
        yield user.http


def statuses(client, forwarded_for, count):
    """The answers to so many wrong logins, each with the next of the forwarding headers."""
    body = {"email": f"{uuid.uuid4().hex}@example.com", "password": PASSWORD}
    headers = [{"X-Forwarded-For": next(forwarded_for)} for _ in range(count)]
    return [client.post("/auth/login", json=body, headers=each).status_code for each in headers]


def test_clients_behind_a_trusted_proxy_are_limited_each_for_themselves(proxy):
    for client in (next(CLIENTS), next(CLIENTS)):
        assert statuses(proxy, itertools.repeat(client), 4) == [401, 401, 401, 429]


def test_only_the_address_that_the_trusted_proxy_added_counts(proxy):
    client = next(CLIENTS)
    forged = (f"{next(CLIENTS)}, {client}" for _ in itertools.count())
    assert statuses(proxy, forged, 4) == [401, 401, 401, 429]


def test_a_proxy_may_add_a_header_of_its_own_behind_a_forged_one(proxy):
    client = next(CLIENTS)
    body = {"email": f"{uuid.uuid4().hex}@example.com", "password": PASSWORD}
    lines = [[("X-Forwarded-For", next(CLIENTS)), ("X-Forwarded-For", client)] for _ in range(4)]
    del proxy.headers["X-Forwarded-For"]
    answers = [proxy.post("/auth/login", json=body, headers=each).status_code for each in lines]
    assert answers == [401, 401, 401, 429]


def test_of_two_trusted_proxies_the_client_before_both_counts(proxy):
    client = next(CLIENTS)
    assert statuses(proxy, itertools.repeat(f"{client}, 127.0.2.2"), 4) == [401, 401, 401, 429]
    assert statuses(proxy, itertools.repeat(client), 1) == [429]


def test_a_forwarding_header_from_elsewhere_counts_for_nothing(caller):
    # Registration and login of the caller are two of the three already.
    assert statuses(caller.http, CLIENTS, 2) == [401, 429]


def test_the_upload_limit_is_a_setting(caller):
    answers = [caller.send(UNKNOWN, small_photo()).status_code for _ in range(3)]
    assert answers == [404, 404, 429]


def test_the_analysis_limit_is_a_setting(caller):
    answers = [caller.http.get(f"/analysis/{UNKNOWN}").status_code for _ in range(3)]
    assert answers == [404, 404, 429]


def test_the_read_limit_is_a_setting_and_passes_again_once_its_window_has_moved(caller):
    answers = [caller.http.get("/products").status_code for _ in range(30)]
    assert 200 in answers
    assert 429 in answers
    eventually(lambda: caller.http.get("/products").status_code, lambda status: status == 200, 30)


def test_the_number_of_sockets_is_a_setting(caller, platform, new_user):
    owner = new_user()
    product_id = owner.product()["id"]
    image_id = owner.analysed(product_id)["image_id"]
    job_id = owner.http.post("/batch", json={"product_id": product_id, "image_ids": [image_id]}).json()["id"]
    owner.url = caller.url
    with owner.socket(job_id) as stream:
        assert stream.recv(timeout=60)
        assert owner.events(job_id) == ([], 4029)
    owner.url = platform.url
    owner.finished(job_id)
