"""Section "WebSocket Events" of the reference, and of the notes."""

import json
import socket
import time
import uuid
from contextlib import ExitStack

import jwt
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.contract.wire import eventually, until_closed

STEPS = ["preprocess", "classify", "extract_attributes", "detect_defects", "generate_description"]
FIELDS = {"type", "job_id", "image_id", "step", "status", "progress", "data", "timestamp", "seq"}
STATUSES = {"pending", "running", "completed", "failed", "skipped"}


def updates(events):
    return [event for event in events if event["type"] == "step_update"]


def keeps_the_rules(events, job_id):
    """What holds for every stream, whole or resumed: form, growing seq, one end, unfalling progress."""
    for event in events:
        assert set(event) <= FIELDS, event
        assert event["job_id"] == job_id
        assert event["timestamp"].endswith("Z")
    assert [event["type"] for event in events[:-1]] == ["step_update"] * (len(events) - 1)
    assert events[-1]["type"] in {"job_complete", "job_failed"}
    numbers = [event["seq"] for event in events]
    assert numbers == sorted(set(numbers))
    done = [event["progress"]["completed"] for event in updates(events)]
    assert done == sorted(done)
    for event in updates(events):
        assert event["status"] in STATUSES
        assert event["step"] in STEPS
        assert event["image_id"]
        assert event["status"] != "running" or event["data"] is None


@pytest.fixture(scope="module")
def replay(user, seen):
    """What a client sees that comes when all is over."""
    return user.events(seen["job_id"])


def test_a_late_client_sees_the_five_steps_and_one_end(replay, seen):
    events, code = replay
    keeps_the_rules(events, seen["job_id"])
    assert [(event["step"], event["status"]) for event in updates(events)] == [
        (name, "completed") for name in STEPS
    ]
    assert {event["image_id"] for event in updates(events)} == {seen["image_id"]}
    assert events[-1]["type"] == "job_complete"
    assert code == 1000


def test_messages_are_texts_of_json(user, seen):
    with user.socket(seen["job_id"]) as stream:
        message = stream.recv(timeout=60)
    assert isinstance(message, str)
    assert isinstance(json.loads(message), dict)


def test_an_early_client_sees_each_step_run_and_complete(user, product):
    uploaded = user.upload(product["id"])
    events, code = user.events(uploaded["job_id"])
    keeps_the_rules(events, uploaded["job_id"])
    completed = [event["step"] for event in updates(events) if event["status"] == "completed"]
    assert completed == STEPS
    assert (events[-1]["type"], code) == ("job_complete", 1000)


def test_progress_of_a_single_is_steps_done_of_five(replay):
    events, _ = replay
    assert {event["progress"]["total"] for event in updates(events)} == {5}
    assert updates(events)[-1]["progress"] == {"completed": 5, "total": 5}


def test_the_classify_event_carries_the_label(user, replay, seen):
    events, _ = replay
    (classify,) = [event for event in events if event["step"] == "classify"]
    analysis = user.analysis(seen["image_id"])
    assert classify["data"]["classification_label"] == analysis["classification_label"]
    assert classify["data"]["confidence"] == pytest.approx(analysis["classification_confidence"], abs=1e-6)


def test_the_analysis_is_there_when_the_end_is_told(user, product):
    for _ in range(5):
        uploaded = user.upload(product["id"])
        events, _ = user.events(uploaded["job_id"])
        assert events[-1]["type"] == "job_complete"
        assert user.analysis(uploaded["image_id"])["status"] == "completed"
        assert user.job(uploaded["job_id"])["status"] == "completed"


@pytest.mark.parametrize("place", range(5))
def test_a_client_resumes_after_any_event(user, replay, seen, place):
    events, _ = replay
    rest, code = user.events(seen["job_id"], after=events[place]["seq"])
    assert [event["seq"] for event in rest] == [event["seq"] for event in events[place + 1 :]]
    assert code == 1000


def test_a_client_that_reconnects_misses_nothing(user, product):
    uploaded = user.upload(product["id"])
    seen, after = [], {}
    while not seen or seen[-1]["type"] == "step_update":
        with user.socket(uploaded["job_id"], **after) as stream:
            seen.append(json.loads(stream.recv(timeout=60)))
        after = {"after": seen[-1]["seq"]}
    keeps_the_rules(seen, uploaded["job_id"])
    completed = {event["step"] for event in updates(seen) if event["status"] == "completed"}
    assert completed == set(STEPS)


def test_many_clients_of_one_job_see_the_same_end(user, product):
    uploaded = user.upload(product["id"])
    with ExitStack() as stack:
        streams = [stack.enter_context(user.socket(uploaded["job_id"])) for _ in range(4)]
        ends = [until_closed(stream) for stream in streams]
    assert {code for _, code in ends} == {1000}
    assert len({events[-1]["seq"] for events, _ in ends}) == 1
    for events, _ in ends:
        keeps_the_rules(events, uploaded["job_id"])


def test_a_failed_job_tells_why(user, product):
    image_id = user.replaced(product["id"])
    job_id = user.http.post(f"/analysis/{image_id}/retry").json()["job_id"]
    events, code = user.events(job_id)
    keeps_the_rules(events, job_id)
    assert (events[-1]["type"], code) == ("job_failed", 1000)
    assert events[-1]["data"]["error"] == user.job(job_id)["error_message"]
    for told in (events, user.events(job_id)[0]):  # at once, and to who comes late
        (failed,) = [event for event in updates(told) if event["status"] == "failed"]
        assert failed["data"] == {"error": events[-1]["data"]["error"]}


@pytest.fixture(scope="module")
def images(user):
    """A product with six analysed images."""
    product_id = user.product()["id"]
    return product_id, [user.analysed(product_id)["image_id"] for _ in range(6)]


def start_batch(user, images):
    product_id, image_ids = images
    return user.http.post("/batch", json={"product_id": product_id, "image_ids": image_ids}).json()["id"]


def test_progress_of_a_batch_is_images_done_of_all(user, images):
    job_id = start_batch(user, images)
    events, code = user.events(job_id)
    keeps_the_rules(events, job_id)
    assert {event["progress"]["total"] for event in events} == {6}
    assert updates(events)[0]["progress"]["completed"] == 0
    assert events[-1]["progress"]["completed"] == 6
    assert {event["image_id"] for event in updates(events)} == set(images[1])
    assert (events[-1]["type"], code) == ("job_complete", 1000)


def test_a_cancelled_batch_ends_as_failed_with_status_cancelled(user, images):
    job_id = start_batch(user, images)
    with user.socket(job_id) as stream:
        assert user.http.delete(f"/batch/{job_id}").status_code == 204
        events, code = until_closed(stream)
    assert (events[-1]["type"], events[-1]["status"], code) == ("job_failed", "cancelled", 1000)
    late, code = user.events(job_id)
    assert (late[-1]["type"], late[-1]["status"], code) == ("job_failed", "cancelled", 1000)


# Who may look


def forged(user, key, **changes):
    claims = jwt.decode(user.access_token, options={"verify_signature": False})
    return jwt.encode({**claims, **changes}, key, "HS256")


def test_without_a_good_token_the_socket_is_accepted_and_closed_with_4001(platform, user, seen):
    key = platform.env["JWT_SECRET_KEY"]
    expired = forged(user, key, exp=int(time.time()) - 1)
    for token in ("", "abc", "a.b.c", user.login()["refresh_token"], forged(user, "k" * 64), expired):
        assert user.events(seen["job_id"], token=token) == ([], 4001), token


def test_without_a_token_at_all_it_is_4001_also_for_an_unknown_job(user):
    address = user.url.replace("http", "ws", 1)
    with connect(f"{address}/ws/processing/{uuid.uuid4()}") as stream:
        assert until_closed(stream) == ([], 4001)


def test_a_strangers_an_unknown_and_an_impossible_job_are_4003(stranger, seen):
    for job_id in (seen["job_id"], str(uuid.uuid4()), "no-id", "9" * 40):
        assert stranger.events(job_id) == ([], 4003), job_id


@pytest.mark.parametrize("path", ["/nope", "/ws", "/ws/processing/", "/api/v1/products"])
def test_a_handshake_at_an_unknown_path_is_answered_404_in_the_one_form(user, path):
    address = user.url.replace("http", "ws", 1) + f"{path}?token={user.access_token}"
    with pytest.raises(InvalidStatus) as refused, connect(address, open_timeout=30):
        pass
    answer = refused.value.response
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/json"
    assert list(json.loads(answer.body)) == ["detail"]
    assert (len(answer.headers["X-Request-ID"]), answer.headers["X-Content-Type-Options"]) == (32, "nosniff")


@pytest.mark.parametrize(
    ("method", "path", "more"),
    [
        ("GET", "/ws/processing/any", {}),
        (
            "GET",
            "/api/v1/products",
            {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version": "8"},
        ),
        ("POST", "/api/v1/auth/login", {"Sec-WebSocket-Version": "13"}),
    ],
)
def test_what_is_no_handshake_is_answered_400_in_the_one_form(anonymous, method, path, more):
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
    answer = anonymous.request(method, path, headers=upgrade | more)
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/json")
    assert answer.json() == {"detail": "The request is no handshake of a WebSocket."}
    assert answer.headers["X-Request-ID"]


@pytest.mark.parametrize("after", ["-1", "x", "", "1e999", "NaN", str(10**30)])
def test_an_odd_place_to_resume_from_does_not_break_the_service(user, seen, after):
    _, code = user.events(seen["job_id"], after=after)
    assert code is not None
    assert code != 1011


# How many


@pytest.fixture(scope="module")
def unfinished(user, images, database):
    """A job that cannot end as long as these tests hold its row."""
    held = "SELECT table_name FROM information_schema.columns WHERE column_name = 'job_type'"
    (table,) = database.execute(held).fetchone()
    with ExitStack() as stack:
        job_id = eventually(
            lambda: hold(stack, user, images, database, table), lambda job_id: job_id is not None
        )
        yield job_id
    assert user.http.delete(f"/batch/{job_id}").status_code == 204


def hold(stack, user, images, database, table):
    """Start a batch and lock its row; None where it was over before."""
    job_id = start_batch(user, images)
    transaction = ExitStack()
    transaction.enter_context(database.transaction())
    query = f"SELECT status FROM {table} WHERE id = %s FOR UPDATE"
    (status,) = database.execute(query, [job_id]).fetchone()
    if status not in {"queued", "processing"}:
        transaction.close()
        return None
    stack.push(transaction)
    return job_id


def stays_open(stream):
    """Whether the service keeps the connection, with or without something to say."""
    try:
        stream.recv(timeout=0.3)
    except TimeoutError:
        return True
    except ConnectionClosed:
        return False
    return True


def fits(user, job_id):
    with user.socket(job_id) as stream:
        return stays_open(stream)


def test_the_sixth_socket_of_a_user_is_accepted_and_closed_with_4029(user, unfinished):
    with ExitStack() as stack:
        streams = [stack.enter_context(user.socket(unfinished)) for _ in range(5)]
        assert all(stays_open(stream) for stream in streams)
        for _ in range(3):
            assert user.events(unfinished) == ([], 4029)
        assert all(stays_open(stream) for stream in streams)


def test_a_closed_socket_frees_its_place(user, unfinished):
    with ExitStack() as stack:
        streams = [stack.enter_context(user.socket(unfinished)) for _ in range(5)]
        assert all(stays_open(stream) for stream in streams)
        streams[2].close()
        assert eventually(lambda: fits(user, unfinished), bool, 10)


def test_a_dead_socket_frees_its_place(user, unfinished):
    with ExitStack() as stack:
        streams = [stack.enter_context(user.socket(unfinished)) for _ in range(5)]
        assert all(stays_open(stream) for stream in streams)
        streams[0].socket.shutdown(socket.SHUT_RDWR)
        assert eventually(lambda: fits(user, unfinished), bool, 10)
