"""Starts the parts in the order of their needs, starts again those that die, and stops them in reverse."""

import asyncio
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from imagineai_local import logs, processes
from imagineai_local.configuration import PART_MARK
from imagineai_local.dispensable import Dispensable
from imagineai_local.errors import PlatformError
from imagineai_local.part import Part

_DEATHS_TO_GIVE_UP = 3  # before it was ever ready; afterwards a part is started again for as long as we run
_READY_WITHIN_S = 180
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 30
_LIVES_S = 60  # a part that has lived this long is not one that dies again and again
_LOOK_AT_LOGS_EVERY_S = 10


class State(StrEnum):
    """Where a part is on its way."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    DONE = "done"
    RESTARTING = "restarting"
    STOPPED = "stopped"


@dataclass
class Kept:
    """A part and what has become of it; `detail` says what it waits for, or how it ended."""

    part: Part
    state: State = State.WAITING
    detail: str = ""
    process: subprocess.Popen[bytes] | None = None
    deaths: int = 0
    restarts: int = 0
    since: float = field(default_factory=time.monotonic)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)


class Watcher(Protocol):
    """Who is told about every change, and about what ends nothing but should be looked at."""

    def changed(self, kept: Kept) -> None:
        """A part has another state, or waits for something else."""

    def trouble(self, reason: str) -> None:
        """A part that was ready before has died several times in a row, or a log cannot be kept short."""


class Supervisor:
    """Keeps a set of parts running between `start` and `stop`."""

    def __init__(self, parts: Sequence[Part], watcher: Watcher) -> None:
        self.kept = {part.name: Kept(part) for part in parts}
        self._watcher = watcher
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._keepers = [asyncio.create_task(self._bound_logs())]

    def start(self, names: Iterable[str]) -> None:
        """Begin to start these parts, each as soon as those it needs are ready."""
        for name in names:
            keeper = asyncio.create_task(self._keep(self.kept[name]))
            keeper.add_done_callback(self._note_failure)
            self._keepers.append(keeper)

    async def until_ready(self, names: Iterable[str]) -> None:
        """Wait until these parts are ready.

        Raises:
            PlatformError: A part cannot be prepared, dies again and again, or does not become ready.
        """
        ready = asyncio.gather(*(self.kept[name].ready.wait() for name in names))
        await asyncio.wait((ready, self._failure), return_when=asyncio.FIRST_COMPLETED)
        if self._failure.done():
            ready.cancel()
            self._failure.result()

    async def until_failure(self) -> None:
        """Return never, but raise what ends the keeping of a part."""
        await asyncio.shield(self._failure)

    async def stop(self) -> None:
        """Stop every part after those that need it."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.gather(*(self._stop(kept) for kept in self.kept.values()))
        self._failure.cancel()

    def _note_failure(self, keeper: asyncio.Task[None]) -> None:
        if not keeper.cancelled() and (error := keeper.exception()) and not self._failure.done():
            self._failure.set_exception(error)

    async def _keep(self, kept: Kept) -> None:
        part = kept.part
        for name in (*part.needs, *part.after):
            self._change(kept, State.WAITING, self.kept[name].part.title)
            await self.kept[name].ready.wait()
        if part.once and await part.needless():
            self._change(kept, State.DONE, "was done before")
            return
        while True:
            code = await self._run(kept)
            if part.once and code == 0:
                await part.finished()
                self._change(kept, State.DONE)
                return
            await self._after_death(kept, code)

    async def _run(self, kept: Kept) -> int:
        """Run the process of a part from its start to its end and return its exit code."""
        part = kept.part
        kept.since = time.monotonic()
        self._change(kept, State.STARTING)
        await part.prepare()
        kept.process = processes.start(
            part.command,
            env=part.env,
            cwd=part.cwd,
            log=part.log,
            death_signal=part.stop_signal,
            become=part.become,
        )
        death = asyncio.create_task(processes.ended(kept.process))
        try:
            if not part.once:
                await self._until_ready(kept, death)
            return await death
        finally:
            death.cancel()

    async def _until_ready(self, kept: Kept, death: asyncio.Task[int]) -> None:
        """Ask until the part is ready, ever less often; return as well when it has died."""
        pause_s = 0.05
        while not death.done():
            missing = await kept.part.ready()
            if not missing:
                self._change(kept, State.READY)
                return
            if time.monotonic() - kept.since > _READY_WITHIN_S:
                await self._end_unready(kept, missing)
                return
            self._change(kept, State.STARTING, missing)
            await asyncio.wait((death,), timeout=pause_s)
            pause_s = min(pause_s * 1.3, 0.5)

    async def _end_unready(self, kept: Kept, missing: str) -> None:
        reason = f"has not become ready in {_READY_WITHIN_S} s and still waits for {missing}"
        self._give_up_or_tell(kept, reason)
        if kept.process is not None:
            kept.process.kill()

    async def _after_death(self, kept: Kept, code: int) -> None:
        """End what the part has left, and pause before its next start."""
        if kept.process is not None:
            await processes.stop(kept.process, kept.part.stop_signal, grace_s=0)
        mark = kept.part.env[PART_MARK]
        processes.end_all(lambda: processes.leftovers(mark), grace_s=0)
        ended = "exit code" if code >= 0 else "signal"
        kept.deaths = 1 if time.monotonic() - kept.since > _LIVES_S else kept.deaths + 1
        kept.restarts += 1
        if kept.deaths >= _DEATHS_TO_GIVE_UP:
            self._give_up_or_tell(kept, f"ended {kept.deaths} times in a row, now with {ended} {abs(code)}")
        self._change(kept, State.RESTARTING, f"ended with {ended} {abs(code)}")
        await asyncio.sleep(min(_FIRST_PAUSE_S * 2.5 ** (kept.deaths - 1), _LONGEST_PAUSE_S))

    def _give_up_or_tell(self, kept: Kept, reason: str) -> None:
        log = kept.part.log
        text = f"{kept.part.title} {reason}; the end of {log}:\n{logs.tail(log)}"
        if not kept.ready.is_set():
            raise PlatformError(text)
        self._watcher.trouble(text)

    async def _stop(self, kept: Kept) -> None:
        name = kept.part.name
        dependents = [other for other in self.kept.values() if name in other.part.needs]
        await asyncio.gather(*(other.stopped.wait() for other in dependents))
        if kept.process is not None:
            await processes.stop(kept.process, kept.part.stop_signal, kept.part.grace_s)
        self._change(kept, State.STOPPED)
        kept.stopped.set()

    async def _bound_logs(self) -> None:
        paths = {kept.part.log for kept in self.kept.values()}
        bounded = {path: Dispensable(f"{path} cannot be kept short", self._watcher.trouble) for path in paths}
        while True:
            for path, log in bounded.items():
                with log.writing():
                    logs.bound(path)
            await asyncio.sleep(_LOOK_AT_LOGS_EVERY_S)

    def _change(self, kept: Kept, state: State, detail: str = "") -> None:
        if (state, detail) == (kept.state, kept.detail):
            return
        kept.state, kept.detail = state, detail
        if state in (State.READY, State.DONE):
            kept.ready.set()
        self._watcher.changed(kept)
