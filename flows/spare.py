"""``python -m flows.spare``: a process that has imported what a run needs, and waits for one.

Starting Python and importing Prefect takes seconds; a spare has them behind it. It runs one flow run and
ends, so each run still has a process of its own.
"""

import gc
import json
import os
import runpy
import signal
import socket
import sys
import threading
import warnings
from contextlib import suppress
from pathlib import Path

from flows import batch, importing, processing, retraining  # noqa: F401 - the imports are what makes it warm
from flows.warm import SPARE, address
from imagineai_api.settings import read_settings
from imagineai_api.storage import Storage

ORDER_WITHIN_S = 10.0
LOOK_S = 5.0


def main() -> int:
    """Wait for a run, run it here, and tell its command how it went."""
    # A process's first S3 client takes a second, the next ones nearly nothing.
    Storage(read_settings()).close()
    gc.freeze()  # what is imported is no garbage: looking through it would hold up pictures at work
    link = _wait(Path(os.environ[SPARE]))
    _take_order(link)
    over = threading.Event()
    threading.Thread(target=_end_with, args=(link, over), daemon=True).start()
    code = _run()
    over.set()
    link.sendall(bytes([code]))
    return code


def _wait(path: Path) -> socket.socket:
    """Listen until the first run comes; the next one is for the next spare."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        before = os.umask(0o077)
        listener.bind(address(path))
        os.umask(before)
        listener.listen(1)
        link = _accept(listener)
        path.unlink(missing_ok=True)
    return link


def _accept(listener: socket.socket) -> socket.socket:
    """Wait for a run as long as the worker lives."""
    worker = os.getppid()
    listener.settimeout(LOOK_S)
    while os.getppid() == worker:
        with suppress(TimeoutError):
            return listener.accept()[0]
    sys.exit(0)


def _take_order(link: socket.socket) -> None:
    """Become the process that the command would have been: its variables, its folder, its output."""
    link.settimeout(ORDER_WITHIN_S)
    head, descriptors, _, _ = socket.recv_fds(link, 4, 2)
    length, order = int.from_bytes(head), b""
    while len(order) < length and (part := link.recv(length - len(order))):
        order += part
    wish = json.loads(order)
    link.settimeout(None)
    os.environ.clear()
    os.environ.update(wish["environment"])
    os.chdir(wish["folder"])
    for ours, theirs in zip((sys.stdout, sys.stderr), descriptors, strict=True):
        ours.flush()
        os.dup2(theirs, ours.fileno())
        os.close(theirs)
    link.sendall(os.getpid().to_bytes(4))


def _end_with(link: socket.socket, over: threading.Event) -> None:
    """End at once when the command is gone before the run is over, as the run would have with its process."""
    with suppress(OSError):
        link.recv(1)
    if not over.is_set():
        os.kill(os.getpid(), signal.SIGKILL)


def _run() -> int:
    sys.argv = ["prefect.engine"]
    try:
        with warnings.catch_warnings():
            # It is imported already, as a module and not as the program.
            warnings.simplefilter("ignore", RuntimeWarning)
            runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
