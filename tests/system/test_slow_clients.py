"""Clients that never come to the point are let go, and keep nobody waiting."""

import contextlib

import httpx
import pytest

from tests.system.connections import Connection

MANY = 300


@pytest.fixture
def connect(platform):
    """Open connections that are closed at the end."""
    with contextlib.ExitStack() as stack:

        def connect():
            connection = Connection(platform.url)
            stack.callback(connection.close)
            return connection

        yield connect


def test_clients_that_never_finish_their_head_starve_nobody(platform, connect):
    for _ in range(MANY):
        connect().send(b"GET /health HTTP/1.1\r\nHost: ")

    assert httpx.get(f"{platform.url}/health", timeout=10).status_code == 200


@pytest.fixture(scope="module")
def waiting(platform):
    """A connection with half a head and one that says nothing, opened together, as each is let go late."""
    half, silent = Connection(platform.url), Connection(platform.url)
    half.send(b"GET /health HTTP/1.1\r\nHost: ")
    yield half, silent
    half.close()
    silent.close()


def test_a_head_that_does_not_end_is_not_waited_for(waiting):
    half, _ = waiting
    assert half.is_closed()


def test_a_connection_that_says_nothing_is_not_kept(waiting):
    _, silent = waiting
    assert silent.is_closed()


def test_a_head_without_bound_is_not_read_on(connect):
    endless = connect()
    endless.send(b"GET /health HTTP/1.1\r\n")

    with pytest.raises(ConnectionError):
        endless.send(1000 * (b"X-Padding: " + b"a" * 16_000 + b"\r\n"))
