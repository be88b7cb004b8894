"""Odd addresses, queries and frames: a socket is closed with a documented code, and the service goes on."""

import contextlib
import os
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.contract.wire import until_closed

CODES = {1000, 4001, 4003, 4029}
REFUSED = 404  # no such path
TOO_LONG = 431
TOO_BIG = 1009  # RFC 6455's own
MINUTES = int(os.environ.get("FUZZ_MINUTES") or 0)
thoroughly = settings(
    max_examples=200 if MINUTES else 40,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
texts = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["", "0", "-1", "9" * 30, "NaN", "null", "..", "%00", "\0", "\ud800", "{}", "a" * 9000]),
)
frames = st.one_of(
    st.text(max_size=50), st.binary(max_size=50), st.sampled_from(["a" * 60_000, b"\xff" * 60_000])
)


@pytest.fixture
def address(platform):
    return platform.url.replace("http", "ws", 1)


def escaped(text):
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def close_code(address, *frames):
    """Open a socket, send the frames, read to the end; minus the status where the handshake was refused."""
    try:
        with connect(address, open_timeout=30) as stream:
            return code_after(stream, frames)
    except InvalidStatus as refused:
        return -refused.response.status_code


def code_after(stream, frames):
    with contextlib.suppress(ConnectionClosed):
        for frame in frames:
            stream.send(frame)
    _, code = until_closed(stream)
    return code


@seed(1)
@thoroughly
@given(path=texts)
def test_an_odd_job_is_not_the_callers(address, user, path):
    code = close_code(f"{address}/ws/processing/{escaped(path)}?token={user.access_token}")
    assert code in {-REFUSED, -TOO_LONG, 4003}


@seed(2)
@thoroughly
@given(query=st.lists(st.tuples(st.sampled_from(["token", "after", "job_id", "x"]), texts), max_size=4))
def test_an_odd_query_without_a_good_token_is_4001(address, seen, query):
    pairs = "&".join(f"{name}={escaped(text)}" for name, text in query)
    assert close_code(f"{address}/ws/processing/{seen['job_id']}?{pairs}") in {-TOO_LONG, 4001}


@seed(3)
@thoroughly
@given(after=texts)
def test_an_odd_place_to_resume_from_is_read_as_the_start_or_skips(address, user, seen, after):
    socket = f"{address}/ws/processing/{seen['job_id']}?token={user.access_token}&after={escaped(after)}"
    assert close_code(socket) in {-TOO_LONG, 1000}


@seed(4)
@thoroughly
@given(said=st.lists(frames, max_size=5))
def test_whatever_a_client_says_the_events_go_on_to_the_end(address, user, seen, said):
    socket = f"{address}/ws/processing/{seen['job_id']}?token={user.access_token}"
    assert close_code(socket, *said) == 1000


@pytest.mark.parametrize("said", [b"\0\xff", "text"])
def test_a_watcher_that_talks_while_its_job_runs_still_sees_the_end(user, product, said):
    job_id = user.upload(product["id"])["job_id"]
    with user.socket(job_id) as stream:
        assert code_after(stream, [said] * 20) == 1000


def test_a_frame_over_the_limit_closes_its_socket_only(address, user, product, anonymous):
    job_id = user.upload(product["id"])["job_id"]
    socket = f"{address}/ws/processing/{job_id}?token={user.access_token}"
    assert close_code(socket, "a" * 100_000) in {TOO_BIG, 1000}
    assert user.events(job_id)[1] in CODES
    assert anonymous.get("/health").status_code == 200


@pytest.mark.parametrize("path", ["a" * 9000, "a" * 40_000])
def test_a_handshake_that_is_too_long_is_refused_and_not_left_waiting(address, path):
    assert close_code(f"{address}/ws/processing/{path}") == -TOO_LONG
