"""Register, log in and out."""

import argparse
import sys
from getpass import getpass

from rich.console import Console

from imagineai_client.errors import ImagineAIError
from imagineai_client.report import show_line
from imagineai_client.verbs import service
from imagineai_client.verbs.adding import Verbs


def add(verbs: Verbs) -> None:
    """Add the verbs of this module."""
    for name, run, says in (
        ("register", register, "create an account and log in"),
        ("login", login, "log in; the next commands need no password"),
    ):
        verb = verbs.add(name, run, says)
        service.add_url(verb)
        verb.add_argument("email")
        verb.add_argument("--password-stdin", action="store_true", help="read the password from the input")
        if name == "register":
            verb.add_argument("--name", default="", help="your full name")
    service.add_url(verbs.add("whoami", whoami, "say who is logged in, and where"))
    service.add_url(verbs.add("logout", logout, "end the session, here and at the service"))


def register(chosen: argparse.Namespace, console: Console) -> int:
    """Create an account and log in."""
    password = _password(chosen, repeat=True)
    with service.to_log_in(chosen) as client:
        client.register(chosen.email, password, chosen.name or chosen.email.partition("@")[0])
        client.login(chosen.email, password)
        return _say_where(client.url, chosen.email, console)


def login(chosen: argparse.Namespace, console: Console) -> int:
    """Log in and keep the tokens."""
    password = _password(chosen)
    with service.to_log_in(chosen) as client:
        client.login(chosen.email, password)
        return _say_where(client.url, chosen.email, console)


def whoami(chosen: argparse.Namespace, console: Console) -> int:
    """Say who is logged in, and where."""
    with service.logged_in(chosen) as client:
        return _say_where(client.url, client.me().email, console)


def logout(chosen: argparse.Namespace, console: Console) -> int:
    """End the session; where the service cannot be told, the tokens are forgotten all the same."""
    with service.logged_in(chosen) as client:
        client.logout()
        show_line(f"Logged out of {client.url}", console)
    return 0


def _say_where(url: str, email: str, console: Console) -> int:
    show_line(f"Logged in to {url} as {email}", console)
    return 0


def _password(chosen: argparse.Namespace, *, repeat: bool = False) -> str:
    """From the input where asked for, else typed unseen.

    Raises:
        ImagineAIError: None was given, or the second differs from the first.
    """
    if chosen.password_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = getpass("Password: ")
        if repeat and getpass("Once more: ") != password:
            raise ImagineAIError("The two passwords differ.")
    if not password:
        raise ImagineAIError("No password was given.")
    return password
