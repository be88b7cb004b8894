"""A file on its way to the address that the service has signed for it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import httpx

from imagineai_client.answers import NewImport
from imagineai_client.errors import ServiceUnreachable, UnexpectedAnswer

PIECE_BYTES = 256 * 1024
SENDING = httpx.Timeout(60.0)
"""For a piece to be taken, and for the answer after the last one."""
Sent: TypeAlias = Callable[[int], object]


def no_matter(_: int) -> None:
    """Nobody watches."""


def address(made: NewImport) -> str:
    """Where to PUT the file.

    Raises:
        UnexpectedAnswer: The service named no address.
    """
    if made.upload_url is None:
        raise UnexpectedAnswer("The service named no address for the file.")
    return made.upload_url


def about(made: NewImport, size_bytes: int) -> dict[str, str]:
    """The headers that the signature holds it to."""
    return {"Content-Type": str(made.content_type), "Content-Length": str(size_bytes)}


def pieces(file: Path, sent: Sent) -> Iterator[bytes]:
    """Read a file piece by piece, and tell of each once the next is asked for."""
    with file.open("rb") as open_file:
        while piece := open_file.read(PIECE_BYTES):
            yield piece
            sent(len(piece))


async def pieces_async(file: Path, sent: Sent) -> AsyncIterator[bytes]:
    """The same beside an event loop."""
    for_one = pieces(file, sent)
    while piece := await asyncio.to_thread(next, for_one, b""):
        yield piece


@contextmanager
def delivering() -> Iterator[None]:
    """Say what went wrong on the way.

    Raises:
        ServiceUnreachable: The storage cannot be reached, or did not take the file.
    """
    try:
        yield
    except httpx.HTTPStatusError as error:
        host, status = error.request.url.host, error.response.status_code
        raise ServiceUnreachable(f"The picture storage at {host} answered {status} to the file.") from error
    except httpx.TransportError as error:
        host = error.request.url.host
        raise ServiceUnreachable(f"The picture storage at {host} did not take the file: {error}.") from error
