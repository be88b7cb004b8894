"""A job's events over the WebSocket, taken up again where a connection was lost."""

import time
from collections.abc import Callable, Iterator
from urllib.parse import quote, urlencode

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

from imagineai_client import answers
from imagineai_client.errors import NotAuthenticated, NotFound, ServiceUnreachable, StreamClosed

INVALID_TOKEN, ACCESS_DENIED, TOO_MANY_SOCKETS = 4001, 4003, 4029
PAUSES_S = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0)


def follow(
    url: str,
    job_id: str,
    token: Callable[[], str],
    refresh: Callable[[str], None],
    *,
    after: int | None = None,
) -> Iterator[answers.Event]:
    """Yield a job's events up to its last one, each once, over as many connections as it takes.

    Args:
        url: The root of the service, http or https.
        job_id: The job.
        token: Gives the access token to connect with.
        refresh: Replaces an access token that was refused.
        after: The ``seq`` of the last event already known; None for the whole state so far.

    Raises:
        NotAuthenticated: The token is refused, also after a refresh.
        NotFound: There is no such job, or it is somebody else's.
        StreamClosed: The service closed the connection for another reason, such as too many sockets.
        ServiceUnreachable: No connection held for long enough to bring an event.
    """
    failures, refreshed = 0, False
    while True:
        used = token()
        try:
            for event in _events(_address(url, job_id, used, after)):
                if after is None or event.seq > after:
                    failures, after = 0, event.seq
                    yield event
                if event.is_last:
                    return
        except NotAuthenticated:
            if refreshed:
                raise
            refreshed = True
            refresh(used)
        except (ConnectionClosed, InvalidHandshake, OSError) as lost:
            _pause(failures, lost)
            failures += 1


def _events(address: str) -> Iterator[answers.Event]:
    """The messages of one connection, until it ends in one way or another."""
    with connect(address) as socket:
        try:
            while True:
                yield answers.parse(answers.Event, socket.recv())
        except ConnectionClosed as closed:
            _raise_if_final(closed.rcvd.code if closed.rcvd is not None else None)
            raise


def _pause(failures: int, lost: Exception) -> None:
    """Wait before connecting again, longer after each failure, and give up after the last."""
    if failures == len(PAUSES_S):
        raise ServiceUnreachable(f"The connection to ImagineAI was lost: {lost}.") from lost
    time.sleep(PAUSES_S[failures])


def _address(url: str, job_id: str, token: str, after: int | None) -> str:
    query = {"token": token} if after is None else {"token": token, "after": str(after)}
    return f"ws{url.removeprefix('http')}/ws/processing/{quote(job_id, safe='')}?{urlencode(query)}"


def _raise_if_final(code: int | None) -> None:
    """Raise for the close codes after which connecting again would not help."""
    if code == INVALID_TOKEN:
        raise NotAuthenticated(401, "The WebSocket refused the token.")
    if code == ACCESS_DENIED:
        raise NotFound(404, "There is no such job of yours.")
    if code == TOO_MANY_SOCKETS:
        raise StreamClosed("Too many WebSockets are open for this user: close one first.", code)
