"""Starting processes that cannot outlive us, waiting for them, and ending what is left of them."""

import asyncio
import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path

import psutil

from imagineai_local.configuration import PART_MARK

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(sign: signal.Signals) -> None:
    """Ask the kernel to send us this signal when the parent dies, however that happens."""
    _libc.prctl(_PR_SET_PDEATHSIG, int(sign), 0, 0, 0)


def start(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    log: Path | None,
    death_signal: signal.Signals = signal.SIGTERM,
    become: Callable[[], None] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, its output at the end of a log file.

    The kernel ties it to the calling thread, so this belongs into the main thread.

    Args:
        command: Program and arguments; nothing secret, since every user of the machine sees them.
        env: All its variables.
        cwd: Where it runs.
        log: Output and errors are appended here; ours where None.
        death_signal: What the kernel sends it when we die.
        become: Run in the child before the program, to give up root.
    """
    launcher = os.getpid()

    def in_child() -> None:
        if become is not None:
            become()
        die_with_parent(death_signal)  # after `become`: a change of user forgets it
        if os.getppid() != launcher:
            os._exit(1)

    with log.open("ab") if log else nullcontext() as output:
        return subprocess.Popen(  # noqa: S603
            command,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if log else None,
            start_new_session=True,
            preexec_fn=in_child,
        )


async def ended(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end of a process and return its exit code (negative: the signal that ended it).

    Only the process itself is waited for; one that it has left behind does not matter.
    """
    if process.poll() is not None:
        return process.returncode
    gone, loop = asyncio.Event(), asyncio.get_running_loop()
    descriptor = os.pidfd_open(process.pid)
    loop.add_reader(descriptor, gone.set)
    try:
        await gone.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return process.wait()


async def stop(process: subprocess.Popen[bytes], sign: signal.Signals, grace_s: float) -> None:
    """Ask a process to end, insist after the grace, and end what is left of its process group."""
    if process.poll() is None:
        process.send_signal(sign)
        try:
            async with asyncio.timeout(grace_s):
                await ended(process)
        except TimeoutError:
            process.kill()
            await ended(process)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def leftovers(mark: str) -> list[psutil.Process]:
    """Find the processes whose mark begins like this, save our own ancestors and ourselves.

    Every process we start carries the mark in its environment and hands it on to its children.
    """
    ours = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid not in ours and process.environ().get(PART_MARK, "").startswith(mark):
                found.append(process)
    return found


def end_all(find: Callable[[], Iterable[psutil.Process]], grace_s: float) -> None:
    """End processes: those with a grace are asked first; then all are killed until none is found."""
    processes = list(find())
    for process in processes:
        with suppress(psutil.Error):
            # PostgreSQL takes SIGTERM as "once the last client has left".
            process.send_signal(signal.SIGINT if process.name() == "postgres" else signal.SIGTERM)
    psutil.wait_procs(processes, timeout=grace_s)
    while remaining := list(find()):
        for process in remaining:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(remaining, timeout=1)
