"""A platform of its own to measure on: nobody's limits, nobody else's load."""

import os
import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LAUNCH = (sys.executable, "-m", "imagineai_local")
ELSEWHERE = ("DATABASE_URL", "REDIS_URL", "S3_ENDPOINT_URL", "MLFLOW_TRACKING_URI", "PREFECT_API_URL")
ROOMY = {f"RATE_LIMIT_{tier}": "1000000/minute" for tier in ("AUTH", "UPLOAD", "ANALYSIS", "READ")}
SETTINGS = {**ROOMY, "WEBSOCKETS_PER_USER": "5000", "HOUSEKEEPING_CRON": ""}
FIRST_PORT, LAST_PORT, PORTS = 26_000, 30_000, 20


@dataclass(frozen=True)
class Platform:
    """A platform that runs: its home, and the variables of its ``env`` file."""

    home: Path
    env: dict[str, str]

    @property
    def url(self) -> str:
        """The root of its API."""
        return self.env["IMAGINEAI_URL"]

    @property
    def metrics_url(self) -> str:
        """Where its metrics are."""
        return f"{self.env['INFERENCE_URL']}/metrics"


@contextmanager
def platform(home: Path | None = None) -> Iterator[Platform]:
    """Give the platform that runs in a home or, without one, start one for the block."""
    if home is not None:
        yield _read(home)
        return
    with tempfile.TemporaryDirectory(prefix="imagineai-bench-") as folder:
        fresh = Path(folder) / "home"
        kept = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
        env = {**kept, **SETTINGS, "IMAGINEAI_HOME": str(fresh), "IMAGINEAI_PORT_BASE": str(free_ports())}
        try:
            subprocess.run([*LAUNCH, "up", "--detach"], env=env, check=True, stdout=subprocess.DEVNULL)
            yield _read(fresh)
        finally:
            subprocess.run([*LAUNCH, "down"], env=env, check=False, stdout=subprocess.DEVNULL)


def _read(home: Path) -> Platform:
    lines = shlex.split((home / "env").read_text(), comments=True)
    return Platform(home.resolve(), dict(line.split("=", 1) for line in lines if "=" in line))


def free_ports() -> int:
    """Find a row of ports that nobody listens on; gives the first."""
    for first in range(FIRST_PORT, LAST_PORT, PORTS):
        if all(_is_free(port) for port in range(first, first + PORTS)):
            return first
    raise SystemExit(f"No row of free ports between {FIRST_PORT} and {LAST_PORT}.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
