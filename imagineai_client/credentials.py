"""Where ``imagineai login`` leaves its tokens: one file of the user's own, which commands share."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imagineai_client.answers import Tokens
from imagineai_client.errors import ImagineAIError


def folder() -> Path:
    """``$XDG_CONFIG_HOME/imagineai``, by default ``~/.config/imagineai``."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "imagineai"


def last_url() -> str | None:
    """The root of the service that was logged in to last; None where nobody is logged in."""
    return next(reversed(_read()), None)


class InFile:
    """The tokens of one service in a file that holds those of each; others on the machine cannot read it.

    Args:
        url: The root of the service.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def load(self) -> Tokens | None:
        """The newest ones.

        Raises:
            ImagineAIError: The file cannot be read or is not what this wrote.
        """
        kept = _read().get(self._url)
        return None if kept is None else Tokens(**kept)

    def begin(self, tokens: Tokens) -> None:
        """Keep those of a new login, which is the last one from here on; the file is whole at any moment.

        Raises:
            ImagineAIError: The file cannot be written.
        """
        _write(self._others() | {self._url: vars(tokens)})

    def save(self, tokens: Tokens | None) -> None:
        """Replace them where they stand, or remove them; the file is whole at any moment.

        Raises:
            ImagineAIError: The file cannot be written.
        """
        _write(self._others() if tokens is None else _read() | {self._url: vars(tokens)})

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """One thread of one command at a time exchanges tokens; the next one finds the new ones."""
        try:
            folder().mkdir(parents=True, exist_ok=True)
            lock = (folder() / "lock").open("w")
        except OSError as error:
            raise ImagineAIError(f"{folder()} cannot be written: {error.strerror}.") from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _others(self) -> dict[str, dict[str, str]]:
        return {url: each for url, each in _read().items() if url != self._url}


def _file() -> Path:
    return folder() / "credentials.json"


def _read() -> dict[str, dict[str, str]]:
    """Each service's tokens, the newest login last."""
    try:
        return dict(json.loads(_file().read_text()))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ImagineAIError(f"{_file()} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ImagineAIError(f"{_file()} is damaged: remove it and log in again.") from error


def _write(kept: dict[str, dict[str, str]]) -> None:
    beside = _file().with_suffix(f".{os.getpid()}")
    try:
        folder().mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            json.dump(kept, out)
        beside.replace(_file())
    except OSError as error:
        raise ImagineAIError(f"{_file()} cannot be written: {error.strerror}.") from error
