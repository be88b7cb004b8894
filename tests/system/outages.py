"""Taking a part of a platform away for a while: frozen, or stopped for as long as its launcher sleeps."""

import contextlib
import json
import signal

import psutil

from tests import platforms

STOP_SIGNALS = {"postgres": signal.SIGINT}
"""SIGTERM makes PostgreSQL wait for its clients to leave."""


@contextlib.contextmanager
def paused(*processes):
    """Keep processes from doing anything, as a machine that is paused does."""
    suspended = [each for process in processes for each in suspend(process)]
    try:
        yield
    finally:
        for process in suspended:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


def frozen(home, part):
    """The part is there and takes connections, but does nothing until the block is left."""
    return paused(psutil.Process(platforms.pid(home, part)))


@contextlib.contextmanager
def stopped(home, part):
    """The part is stopped in order, and its launcher cannot start it again until the block is left."""
    launcher = psutil.Process(json.loads((home / "state.json").read_text())["launcher"])
    process = psutil.Process(platforms.pid(home, part))
    launcher.suspend()
    try:
        process.send_signal(STOP_SIGNALS.get(part, signal.SIGTERM))
        platforms.until(lambda: process.status() == psutil.STATUS_ZOMBIE, f"the end of {part}")
        yield
    finally:
        launcher.resume()


def suspend(root):
    """Stop a process, then its children, so that none is born meanwhile; gives all of them."""
    root.suspend()
    tree = [root, *root.children(recursive=True)]
    for process in tree[1:]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.suspend()
    return tree
