"""The process above the launcher: when the launcher is gone, nothing that it started may be left."""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

from imagineai_local import logs, processes
from imagineai_local.configuration import Configuration
from imagineai_local.parts import s3

_GRACE_S = 6


def end_leftovers(configuration: Configuration) -> None:
    """End every process of this home's platform, whoever started it, and remove its sockets."""
    mark = f"{configuration.home.folder}:"
    processes.end_all(lambda: processes.leftovers(mark), _GRACE_S)
    s3.remove_sockets(configuration.ports)


def guard(launch: Callable[[], int], configuration: Configuration, *, silent: bool) -> int:
    """Run the launcher in a child process and clear up after it, however it ends.

    The kernel ends the launcher's own children with it; this ends also theirs (flow runs, kernels), and
    should this process die first, the launcher stops everything in order.

    Args:
        launch: What the launcher does.
        configuration: The platform.
        silent: Whether this process lets go of the terminal; the launcher keeps it for as long as it likes.

    Returns:
        The launcher's exit code.
    """
    launcher = os.fork()
    if launcher == 0:
        _be_the_launcher(launch)
    if silent:
        logs.write_to(configuration.home.log("launcher"))
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, lambda number, _: os.kill(launcher, number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the launcher by itself
    _, status = os.waitpid(launcher, 0)
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, signal.SIG_IGN)
    end_leftovers(configuration)
    return os.waitstatus_to_exitcode(status)


def _be_the_launcher(launch: Callable[[], int]) -> NoReturn:
    processes.die_with_parent(signal.SIGTERM)
    code = 1
    try:
        code = launch()
    except Exception:  # noqa: BLE001 - the last frame of a process: nothing above could tell of it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)
