"""Which model version the service answers with, looked at until it is the awaited one."""

import time

from imagineai_client.client import Client
from imagineai_client.errors import ImagineAIError

LOOKS_APART_S = 0.6
"""A hundred looks a minute: fewer than the service allows by default."""


def until_served(client: Client, version: str, *, within_s: float = 300) -> list[tuple[float, str]]:
    """Look which version answers until it is this one; return the time and the version of every look.

    Args:
        client: Logged in.
        version: The awaited one.
        within_s: The longest wait, in seconds.

    Returns:
        Times as ``time.monotonic`` has them, in seconds; "" where no version answers.

    Raises:
        ImagineAIError: It does not answer in time; the text says why the service does not follow.
    """
    seen: list[tuple[float, str]] = []
    deadline = time.monotonic() + within_s
    while not seen or seen[-1][1] != version:
        told = client.models()
        seen.append((time.monotonic(), told.champion.version if told.champion else ""))
        if seen[-1][0] > deadline:
            why = told.problem or f"version {seen[-1][1] or 'none'} does"
            raise ImagineAIError(f"Version {version} does not answer after {within_s:g} s: {why}")
        time.sleep(LOOKS_APART_S)
    return seen
