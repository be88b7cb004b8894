"""The command of a flow run here: hands the run to the worker's spare process, else starts a process for it.

It is run as a file, imports nothing of ours, and is what Prefect takes for the run's process: it passes
signals on, ends as the run ends, and the run ends when it is killed.
"""

import json
import os
import signal
import socket
import sys
from pathlib import Path

SPARE = "IMAGINEAI_SPARE"
"""Names the socket on which the worker's spare process waits."""
ENGINE = (sys.executable, "-m", "prefect.engine")
KILLED = 137
TAKEN_WITHIN_S = 10.0


def main() -> int:
    """Run what ``PREFECT__FLOW_RUN_ID`` names; gives the exit code."""
    link = _reach_spare()
    pid = 0 if link is None else _hand_over(link)
    if link is None or not pid:
        os.execv(ENGINE[0], ENGINE)  # noqa: S606 - no shell is wanted
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda number, _: os.kill(pid, number))
    said = link.recv(1)
    return said[0] if said else KILLED


def _hand_over(link: socket.socket) -> int:
    """Give the spare its order; gives its process id, 0 where it did not take it: it has then not begun."""
    order = json.dumps({"environment": dict(os.environ), "folder": str(Path.cwd())}).encode()
    link.settimeout(TAKEN_WITHIN_S)
    try:
        socket.send_fds(link, [len(order).to_bytes(4)], [sys.stdout.fileno(), sys.stderr.fileno()])
        link.sendall(order)
        pid = int.from_bytes(link.recv(4))
    except OSError:
        return 0
    link.settimeout(None)
    return pid


def address(path: Path) -> str:
    """Name a socket by its open folder: a socket's own path may have no more than 107 bytes."""
    return f"/proc/self/fd/{os.open(path.parent, os.O_RDONLY)}/{path.name}"


def _reach_spare() -> socket.socket | None:
    link = socket.socket(socket.AF_UNIX)
    try:
        link.connect(address(Path(os.environ.get(SPARE, ""))))
    except OSError:
        return None
    return link


if __name__ == "__main__":
    sys.exit(main())
