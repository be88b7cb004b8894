"""Keeps one process warm beside a worker, so that a run starts at once."""

import asyncio
import os
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from pathlib import Path

from flows.warm import SPARE


class SpareKeeper:
    """Starts a spare, and the next one when a run has taken it; runs find it by ``IMAGINEAI_SPARE``."""

    def __init__(self) -> None:
        # A folder that is this worker's alone: whoever has the socket is handed what a run may know.
        self._folder = tempfile.TemporaryDirectory(prefix="spare-")
        self._waiting: Process | None = None
        self._all: list[Process] = []

    @property
    def pids(self) -> set[int]:
        """The spares, taken or not: a run's command passes on to them what the run is asked."""
        return {process.pid for process in self._all}

    async def keep(self) -> None:
        """Have a spare ready, for ever."""
        os.environ[SPARE] = str(Path(self._folder.name) / "socket")
        while True:
            spare = await asyncio.create_subprocess_exec(sys.executable, "-m", "flows.spare", stdout=PIPE)
            self._waiting = spare
            self._all = [process for process in (*self._all, spare) if process.returncode is None]
            assert spare.stdout is not None, "started with a pipe"  # noqa: S101
            # The pipe ends when the spare ends, or takes the output of the run that it becomes.
            await spare.stdout.read()
            self._waiting = None

    async def dismiss(self) -> None:
        """End the spare that no run has taken."""
        if self._waiting is not None:
            with suppress(ProcessLookupError):
                self._waiting.terminate()
            await self._waiting.wait()
