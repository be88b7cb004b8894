"""Platforms for tests: each in a temporary home, on ports of its own, touching nobody's services."""

import contextlib
import json
import os
import random
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

EXTERNAL = ("DATABASE_URL", "REDIS_URL", "S3_ENDPOINT_URL", "MLFLOW_TRACKING_URI", "PREFECT_API_URL")
ROOMY = {f"RATE_LIMIT_{tier}": "100000/minute" for tier in ("AUTH", "UPLOAD", "ANALYSIS", "READ")}
CALLS_BACK = {"WEBHOOKS_ALLOW_PRIVATE": "true", "WEBHOOK_RETRY_S": "0.2", "WEBHOOK_TIMEOUT_S": "4"}
"""Lets webhooks lead to this machine; the same for every service on a database, as each of them calls."""
_LEADS_ELSEWHERE = (
    *EXTERNAL, "AWS_", "S3_", "IMAGINEAI_", "PREFECT_", "MLFLOW_", "JUPYTER_", "RATE_LIMIT_", "API_",
    "INFERENCE_", "MODEL_", "JWT_", "BEDROCK_", "ENVIRONMENT", "OPERATORS_", "WEBSOCKETS_PER_USER",
    "WEBHOOK",
)  # fmt: skip
_OF_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
_PORTS_A_PLATFORM = 20
_BASES = range(10_000, 22_000, _PORTS_A_PLATFORM)
_LAUNCH = (sys.executable, "-m", "imagineai_local")


@dataclass(frozen=True)
class Platform:
    """A platform that runs: its home, the variables of its env file, the root of its API."""

    home: Path
    env: dict[str, str]
    url: str


def clean_environment(**more: str) -> dict[str, str]:
    """This process's environment without anything that would lead a platform to the developer's services.

    Nor with what make tells the makes below it: what is called here was typed by somebody at a prompt.
    """
    without = (*_LEADS_ELSEWHERE, *_OF_MAKE)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(without)}
    return {**kept, **more}


def given_services() -> dict[str, str]:
    """The external services that IMAGINEAI_TEST_* variables offer, such as IMAGINEAI_TEST_REDIS_URL."""
    prefix = "IMAGINEAI_TEST_"
    return {name.removeprefix(prefix): value for name, value in os.environ.items() if name.startswith(prefix)}


def free_base() -> int:
    """A first port with all those that a platform needs free behind it."""
    # Several test runs may look at once, and trainings seed what `random` draws.
    bases = random.SystemRandom().sample(_BASES, len(_BASES))
    for base in bases:
        if all(_is_free(port) for port in (*range(base, base + _PORTS_A_PLATFORM), base + 10_015)):
            return base
    raise AssertionError("no free row of ports between 10000 and 22000")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def command(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run one command of the launcher on a home and wait for its end."""
    env = clean_environment(IMAGINEAI_HOME=str(home), **variables)
    return subprocess.run(
        [*_LAUNCH, *arguments], env=env, capture_output=True, text=True, timeout=280, check=False
    )


def up(home: Path, *options: str, **variables: str) -> Platform:
    """Start a platform in a home, without the demo, and return once it is up."""
    variables.setdefault("IMAGINEAI_PORT_BASE", str(free_base()))
    variables.setdefault("HOUSEKEEPING_CRON", "")  # tests begin it when they want it
    done = command(home, "up", "--detach", "--no-demo", *options, **variables)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    env = read_env(home / "env")
    return Platform(home, env, env["IMAGINEAI_URL"])


@contextlib.contextmanager
def running(home: Path, *options: str, **variables: str) -> Iterator[Platform]:
    """A platform that is stopped in the end, also where it did not come up whole."""
    try:
        yield up(home, *options, **variables)
    finally:
        down(home)


def down(home: Path) -> None:
    """Stop a platform, and insist that it could be stopped."""
    done = command(home, "down")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def read_env(path: Path) -> dict[str, str]:
    """Read an env file without the code under test."""
    pairs = (line.partition("=") for line in path.read_text().splitlines())
    return {name: "".join(shlex.split(value)) for name, _, value in pairs}


def parts(home: Path) -> dict[str, dict[str, object]]:
    """What the launcher has written down about its parts."""
    return json.loads((home / "state.json").read_text())["parts"]


def pid(home: Path, part: str) -> int:
    """The process of a part; fails where it has none."""
    number = parts(home)[part]["pid"]
    assert isinstance(number, int), parts(home)[part]
    return number


def processes_of(home: Path) -> list[psutil.Process]:
    """Every process that carries the mark of this home's platform, and PostgreSQL's own children."""
    return [process for process in psutil.process_iter() if _belongs_to(process, home)]


def stop_all_below(folder: Path) -> None:
    """Stop the platforms whose homes lie in a folder."""
    for home in {home for process in psutil.process_iter() if (home := _home_of(process))}:
        if home.is_relative_to(folder):
            down(home)


def listening(home: Path) -> list[tuple[str, int]]:
    """Address and port of each listener of this home's platform."""
    found = []
    for process in processes_of(home):
        with contextlib.suppress(psutil.NoSuchProcess):  # the process of a run may end at any time
            found += [
                (connection.laddr.ip, connection.laddr.port)
                for connection in process.net_connections("inet")
                if connection.status == psutil.CONN_LISTEN
            ]
    return found


def _home_of(process: psutil.Process) -> Path | None:
    try:
        home, _, _ = process.environ().get("IMAGINEAI_PART", "").rpartition(":")
    except psutil.Error:
        return None
    return Path(home) if home else None


def _belongs_to(process: psutil.Process, home: Path) -> bool:
    try:
        marked = _home_of(process) == home
        worker = process.name() == "postgres" and Path(process.cwd()) == home / "postgres" / "data"
        return (marked or worker) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def until(holds: Callable[[], bool], what: str, within_s: float = 60) -> None:
    """Wait for a condition; fail with its name when the deadline passes."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {within_s} s: {what}")
        time.sleep(0.05)
