"""A database as a file, by PostgreSQL's own programs."""

import subprocess
from pathlib import Path

from imagineai_local.errors import PlatformError
from imagineai_local.parts.postgres import program


def dump(url: str, to: Path) -> None:
    """Write one database, as it is at one moment, into a file.

    Raises:
        PlatformError: It cannot be read.
    """
    _run(
        "pg_dump",
        "--format=custom",
        "--no-owner",
        "--no-privileges",
        f"--file={to}",
        f"--dbname={_plain(url)}",
    )


def load(dumped: Path, url: str) -> None:
    """Fill an empty database, all of it or nothing.

    Raises:
        PlatformError: It cannot be filled.
    """
    _run(
        "pg_restore", "--single-transaction", "--no-owner", "--no-privileges", f"--dbname={_plain(url)}",
        str(dumped),
    )  # fmt: skip


def _run(name: str, *options: str) -> None:
    done = subprocess.run([program(name), *options], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise PlatformError(f"{name} failed: {done.stderr.strip().splitlines()[-1]}")


def _plain(url: str) -> str:
    """An address without SQLAlchemy's name for the driver."""
    return url.replace("postgresql+psycopg:", "postgresql:", 1)
