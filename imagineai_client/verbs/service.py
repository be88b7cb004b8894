"""Which service a verb talks to, and as whom."""

import argparse
import os

from imagineai_client import configuration, credentials
from imagineai_client.client import DEFAULT_URL, PATIENCE_S, Client
from imagineai_client.errors import ImagineAIError


def add_url(parser: argparse.ArgumentParser) -> None:
    """Let a verb be told where the service is."""
    parser.add_argument(
        "--url", help="the service's root; by default $IMAGINEAI_URL, else where you last logged in"
    )


def logged_in(chosen: argparse.Namespace, *, patience_s: float = PATIENCE_S) -> Client:
    """A client with the tokens of the last login.

    Raises:
        ImagineAIError: Nobody logged in on this machine.
    """
    url = chosen.url or os.environ.get("IMAGINEAI_URL") or credentials.last_url()
    if url is None:
        raise ImagineAIError("Nobody is logged in: `imagineai login` first.")
    return Client(url, patience_s=patience_s, tokens=credentials.InFile(url))


def to_log_in(chosen: argparse.Namespace) -> Client:
    """A client whose login the next commands find; the platform of this folder, where nothing is named."""
    url = chosen.url or configuration.found("IMAGINEAI_URL") or DEFAULT_URL
    return Client(url, tokens=credentials.InFile(url))
