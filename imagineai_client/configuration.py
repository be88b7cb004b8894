"""Where the service is and who the demo user is: from the environment, else from the platform's own file."""

import os
from pathlib import Path

from imagineai_client.errors import ImagineAIError


def value(name: str) -> str:
    """A variable of the environment, else of ``$IMAGINEAI_HOME/env``.

    Raises:
        ImagineAIError: Neither has it.
    """
    given = found(name)
    if given is None:
        raise ImagineAIError(
            f"{name} is not set and {_file()} does not name it: start the platform with `make up`."
        )
    return given


def found(name: str) -> str | None:
    """As ``value``; None where neither has it."""
    return os.environ.get(name) or _written_by_the_platform().get(name) or None


def _written_by_the_platform() -> dict[str, str]:
    """The platform's ``KEY=value`` lines; none where it never ran here."""
    try:
        lines = _file().read_text().splitlines()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ImagineAIError(f"{_file()} cannot be read: {error.strerror}.") from error
    pairs = (line.partition("=") for line in lines if not line.startswith("#"))
    return {name.strip(): text.strip().strip("'\"") for name, sign, text in pairs if sign}


def _file() -> Path:
    return Path(os.environ.get("IMAGINEAI_HOME", ".imagineai")) / "env"
