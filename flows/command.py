"""A command beside the flow: its output line by line, and its end with all that it has started."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from flows.stopping import FINISH_S

LONGEST_LINE = 2000
CHUNK_BYTES = 4096


class Command:
    """A running command; it leads a process group of its own."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.stopped = False

    async def lines(self) -> AsyncIterator[str]:
        """Yield what it writes; of a progress bar, the last state of each line."""
        assert self._process.stdout is not None, "started with a pipe"  # noqa: S101
        rest = b""
        while chunk := await self._process.stdout.read(CHUNK_BYTES):
            *whole, rest = (rest + chunk).split(b"\n")
            rest = rest[rest.rfind(b"\r") + 1 :]
            for line in whole:
                if text := _shown(line):
                    yield text
        if text := _shown(rest):
            yield text

    async def code(self) -> int:
        """Wait for its end and give its exit code."""
        return await self._process.wait()

    async def stop(self) -> None:
        """Ask the whole group to end, and kill what has not ended in time."""
        self.stopped = True
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, sign)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), FINISH_S)


@asynccontextmanager
async def running(
    arguments: Sequence[str], folder: Path, variables: Mapping[str, str]
) -> AsyncIterator[Command]:
    """Run a module of our own Python in a folder, at low priority; nothing of it outlives the block.

    Args:
        arguments: What follows ``python -m``.
        folder: Where it runs.
        variables: Of its environment, beside those of this process.
    """
    here = Path(sys.executable).parent
    process = await asyncio.create_subprocess_exec(
        "nice", sys.executable, "-m", *arguments,
        cwd=folder,
        env={**os.environ, "PATH": f"{here}{os.pathsep}{os.environ.get('PATH', '')}", **variables},
        stdout=PIPE,
        stderr=STDOUT,
        start_new_session=True,
    )  # fmt: skip
    command = Command(process)
    try:
        yield command
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _shown(line: bytes) -> str:
    return line.rstrip(b"\r").rpartition(b"\r")[2].decode(errors="replace").rstrip()[:LONGEST_LINE]
