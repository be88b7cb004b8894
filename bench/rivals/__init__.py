"""Other ways to serve the product list, from the same database with the same token check and rate limits."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from bench.connection import Connection

START_S = 60
LOOK_S = 0.05


@contextmanager
def serving(rival: str, env: Mapping[str, str]) -> Iterator[str]:
    """Serve a rival by a uvicorn of its own for the block; gives its root.

    Args:
        rival: The name of its module here; the application in it is ``app``.
        env: The variables of the platform.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", f"bench.rivals.{rival}:app", "--port", str(port)]
    quiet = ["--log-level", "warning", "--no-access-log", "--loop", "uvloop", "--http", "httptools"]
    process = subprocess.Popen([*command, *quiet], env=dict(env))
    try:
        _wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def same(urls: Iterable[str], token: str) -> None:
    """Insist that all of them answer the product list with the same JSON, and that it is no empty one."""
    answers = []
    for url in urls:
        with Connection(url, token) as connection:
            answers.append(json.loads(connection.ask(connection.request("/api/v1/products"))))
    if not answers[0]["items"] or any(answer != answers[0] for answer in answers):
        raise SystemExit("The rivals do not answer the same.")


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(LOOK_S)
    raise SystemExit(f"{process.args!r} does not serve.")
