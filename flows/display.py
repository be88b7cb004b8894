"""What Prefect's UI shows of a run. It is a display: that it is away stops no picture."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from prefect.exceptions import PrefectException

log = logging.getLogger(__name__)

SHOWN_WITHIN_S = 10.0


@asynccontextmanager
async def display() -> AsyncIterator[None]:
    """Show something in the block, if Prefect takes it in time."""
    try:
        async with asyncio.timeout(SHOWN_WITHIN_S):
            yield
    except (PrefectException, httpx.HTTPError, OSError, TimeoutError) as error:
        log.warning("Prefect did not take what it was to show: %s", type(error).__name__)


def cell(value: object) -> str:
    """Give a value as it stands in a cell of a Markdown table: on one line, which it does not end."""
    return " ".join(str(value).split()).replace("|", "\\|")
