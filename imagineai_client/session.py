"""Where tokens lie and what follows on each answer; nothing is sent here, so that both clients share it."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import NoneType
from typing import Any, Protocol, TypeVar, cast

import httpx

from imagineai_client import answers
from imagineai_client.calls import Call
from imagineai_client.errors import (
    NotAuthenticated,
    ServiceUnreachable,
    TooManyRequests,
    refusal,
)

T = TypeVar("T")

DROPPED_PAUSE_S = 0.5


class Tokens(Protocol):
    """Where the tokens of one session lie: in memory, or in a file that commands share."""

    def load(self) -> answers.Tokens | None:
        """The newest ones; None where nobody is logged in."""

    def begin(self, tokens: answers.Tokens) -> None:
        """Keep those of a new login."""

    def save(self, tokens: answers.Tokens | None) -> None:
        """Replace them by those that they were exchanged for, or by none."""

    def exclusively(self) -> AbstractContextManager[None]:
        """Keep whoever else uses them from exchanging them meanwhile."""


class InMemory:
    """Tokens that threads share and that end with the process."""

    def __init__(self) -> None:
        self._tokens: answers.Tokens | None = None
        self._lock = threading.Lock()

    def load(self) -> answers.Tokens | None:
        """The newest ones."""
        return self._tokens

    def begin(self, tokens: answers.Tokens) -> None:
        """Keep those of a new login."""
        self._tokens = tokens

    def save(self, tokens: answers.Tokens | None) -> None:
        """Replace them by those that they were exchanged for, or by none."""
        self._tokens = tokens

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """One thread at a time."""
        with self._lock:
            yield


@dataclass(frozen=True)
class Pause:
    """Send the call again after so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Renew:
    """Exchange the refresh token, then send the call again."""


class Attempts:
    """What follows on each answer to one call: it is done, sent again, or its refusal raised.

    Args:
        call: The call.
        patience_s: How long to wait all in all, in seconds, before it is given up.
    """

    def __init__(self, call: Call[Any], patience_s: float) -> None:
        self._call = call
        self._left_s = patience_s
        self._drops = 0
        self._may_renew = call.signed

    def answered(self, response: httpx.Response) -> Pause | Renew | None:
        """None where the call succeeded.

        Raises:
            Refused: Sending it again would not help, or not soon enough.
        """
        if response.is_success:
            return None
        error = refusal(response)
        if isinstance(error, NotAuthenticated) and self._may_renew:
            self._may_renew = False
            return Renew()
        harmless = isinstance(error, TooManyRequests) or self._call.repeatable
        if harmless and error.retry_after is not None and error.retry_after <= self._left_s:
            return self._pause(error.retry_after)
        raise error

    def dropped(self, error: httpx.TransportError, url: str) -> Pause:
        """The connection broke, or there was none.

        Raises:
            ServiceUnreachable: Nothing listens, or the call may have been carried out already.
        """
        pause_s = DROPPED_PAUSE_S * 2**self._drops
        self._drops += 1
        broke = isinstance(error, httpx.RemoteProtocolError | httpx.ReadError)
        if broke and self._call.repeatable and pause_s <= self._left_s:
            return self._pause(pause_s)
        raise ServiceUnreachable(f"No answer from ImagineAI at {url}: {error}.") from error

    def _pause(self, seconds: float) -> Pause:
        self._left_s -= seconds
        return Pause(seconds)


def present(tokens: answers.Tokens | None) -> answers.Tokens:
    """The tokens there are.

    Raises:
        NotAuthenticated: There are none.
    """
    if tokens is None:
        raise NotAuthenticated(401, "Nobody is logged in, or the session has run out: log in.")
    return tokens


def signature(token: str | None) -> dict[str, str]:
    """The header that a token goes in."""
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def content_of(call: Call[T], response: httpx.Response) -> T:
    """What a successful answer says.

    Raises:
        UnexpectedAnswer: What answered does not speak as ImagineAI does.
    """
    if call.kind is NoneType:
        return cast(T, None)
    return answers.parse(call.kind, response.content)
