"""A file that is whole or not there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import httpx

from imagineai_client.errors import ServiceUnreachable


@contextmanager
def downloading(to: Path, url: str) -> Iterator[BinaryIO]:
    """Open a file beside ``to``, which takes its place where the block ends without an error.

    Raises:
        ServiceUnreachable: The connection to ``url`` broke within the block.
        OSError: The file cannot be written.
    """
    beside = to.with_name(f".{to.name}.part")
    try:
        with beside.open("wb") as file:
            yield file
        beside.replace(to)
    except httpx.TransportError as error:
        raise ServiceUnreachable(f"The connection to {url} broke before {to.name} was whole.") from error
    finally:
        beside.unlink(missing_ok=True)
