"""A job's events over the WebSocket, taken up again where a connection was lost."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from urllib.parse import urlencode

from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

from imagineai_client import answers
from imagineai_client.calls import segment
from imagineai_client.errors import NotAuthenticated, NotFound, ServiceUnreachable, StreamClosed

INVALID_TOKEN, ACCESS_DENIED, TOO_MANY_SOCKETS = 4001, 4003, 4029
PAUSES_S = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0)
LOST = (ConnectionClosed, InvalidHandshake, OSError)


class Place:
    """Where a follower of one job is: which event it saw last, and how often it was cut off since.

    Args:
        url: The root of the service, http or https.
        job_id: The job.
        after: The ``seq`` of the last event already known; None for the whole state so far.
    """

    def __init__(self, url: str, job_id: str, after: int | None) -> None:
        self._socket = f"ws{url.removeprefix('http')}/ws/processing/{segment(job_id)}"
        self._after = after
        self._failures = 0
        self._was_refused = False

    def address(self, token: str) -> str:
        """Where to connect, to be told what comes after this place."""
        query = {"token": token} if self._after is None else {"token": token, "after": str(self._after)}
        return f"{self._socket}?{urlencode(query)}"

    def is_new(self, event: answers.Event) -> bool:
        """Whether this event was not seen yet; from here on it is."""
        if self._after is not None and event.seq <= self._after:
            return False
        self._failures, self._was_refused, self._after = 0, False, event.seq
        return True

    def pause_s(self, lost: Exception) -> float:
        """How long to wait before connecting again; 0 where a new token is all it takes.

        Raises:
            NotAuthenticated: The second token in a row was refused as well.
            NotFound: There is no such job, or it is somebody else's.
            StreamClosed: Connecting again would not help.
            ServiceUnreachable: It was cut off too often.
        """
        code = lost.rcvd.code if isinstance(lost, ConnectionClosed) and lost.rcvd is not None else None
        if code == INVALID_TOKEN:
            if self._was_refused:
                raise NotAuthenticated(401, "The WebSocket refused the token.")
            self._was_refused = True
            return 0
        if code == ACCESS_DENIED:
            raise NotFound(404, "There is no such job of yours.")
        if code == TOO_MANY_SOCKETS:
            raise StreamClosed("Too many WebSockets are open for this user: close one first.", code)
        if self._failures == len(PAUSES_S):
            raise ServiceUnreachable(f"The connection to ImagineAI was lost: {lost}.") from lost
        self._failures += 1
        return PAUSES_S[self._failures - 1]


def follow(place: Place, token: Callable[[], str], renew: Callable[[str], None]) -> Iterator[answers.Event]:
    """Yield a job's events up to its last one, each once, over as many connections as it takes.

    Args:
        place: Where to begin.
        token: Gives the access token to connect with.
        renew: Replaces an access token that was refused.

    Raises:
        ImagineAIError: As ``Place.pause_s`` tells.
    """
    while True:
        used = token()
        try:
            with connect(place.address(used)) as socket:
                while True:
                    event = answers.parse(answers.Event, socket.recv())
                    if place.is_new(event):
                        yield event
                    if event.is_last:
                        return
        except LOST as lost:
            pause_s = place.pause_s(lost)
        if pause_s:
            time.sleep(pause_s)
        else:
            renew(used)


async def follow_async(
    place: Place, token: Callable[[], str], renew: Callable[[str], Awaitable[None]]
) -> AsyncIterator[answers.Event]:
    """As ``follow``, without holding a thread."""
    while True:
        used = token()
        try:
            async with connect_async(place.address(used)) as socket:
                while True:
                    event = answers.parse(answers.Event, await socket.recv())
                    if place.is_new(event):
                        yield event
                    if event.is_last:
                        return
        except LOST as lost:
            pause_s = place.pause_s(lost)
        if pause_s:
            await asyncio.sleep(pause_s)
        else:
            await renew(used)
