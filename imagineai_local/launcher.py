"""Brings the platform up, shows a picture going through it, keeps it running, and takes it down."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any

from imagineai_local import logs, processes
from imagineai_local.configuration import Configuration
from imagineai_local.dispensable import Dispensable
from imagineai_local.errors import PlatformError
from imagineai_local.home import Home, write_private
from imagineai_local.part import Part
from imagineai_local.parts.api import still_missing
from imagineai_local.supervisor import Kept, Supervisor
from imagineai_local.view import View

_WHOLE_WITHIN_S = 120
_DRAW_EVERY_S = 0.25
UP = b"up"  # what a detached launcher sends to the command that waits for it; anything else is a failure


@dataclass(frozen=True)
class Options:
    """What the command line asked for."""

    demo: bool
    detached_to: int | None


class _Stop(Exception):
    """Somebody asked the platform to end."""


def launch(configuration: Configuration, parts: Sequence[Part], options: Options) -> int:
    """Run the platform until it is asked to end, and return the exit code."""

    async def in_loop() -> int:
        return await _Launcher(configuration, parts, options).run()

    return asyncio.run(in_loop())


def read_state(home: Home) -> list[dict[str, Any]]:
    """Read what a running launcher has written down about its parts; empty before it has."""
    if not home.state_file.exists():
        return []
    return list(json.loads(home.state_file.read_text())["parts"].values())


class _Launcher:
    def __init__(self, configuration: Configuration, parts: Sequence[Part], options: Options) -> None:
        self._configuration = configuration
        self._options = options
        self._view = View()
        self._stop = asyncio.Event()
        self._state = Dispensable(f"{configuration.home.state_file} cannot be written", self.trouble)
        self._supervisor = Supervisor(parts, self)

    async def run(self) -> int:
        """Up, demo, watch, down."""
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(sign, self._stop.set)
        code = 0
        try:
            await self._up()
            await self._or_stop(self._supervisor.until_failure())
        except _Stop:
            self._view.say("Stopping ...")
        except PlatformError as error:
            self._view.rest()
            self._view.say(str(error), "red")
            code = 1
        finally:
            await self._supervisor.stop()
        self._view.say("Everything is stopped.")
        return code

    def changed(self, kept: Kept) -> None:
        """Show the change, and write down what `status` reads."""
        self._view.changed(kept)
        self._write_state()

    def trouble(self, reason: str) -> None:
        """Say it where a person looks."""
        self._view.say(reason, "red")

    async def _up(self) -> None:
        began = time.monotonic()
        late = [name for name, kept in self._supervisor.kept.items() if kept.part.late]
        first = [name for name in self._supervisor.kept if name not in late]
        await self._start(first)
        if self._options.demo:
            await self._or_stop(self._demo())
        await self._start(late)
        self._view.summary(self._where_everything_is())
        self._view.say(f"Up after {time.monotonic() - began:.1f} s; `make down` or Ctrl-C stops everything.")
        self._detach()

    async def _start(self, names: Sequence[str]) -> None:
        """Start parts and show how far they are, until all of them are ready."""
        self._view.watch()
        self._supervisor.start(names)
        self._write_state()
        drawing = asyncio.create_task(self._draw(names))
        try:
            await self._or_stop(self._supervisor.until_ready(names))
            if "api" in names:
                await self._or_stop(self._until_whole())
        finally:
            drawing.cancel()
            self._view.draw([self._supervisor.kept[name] for name in names])
            self._view.rest()

    async def _draw(self, names: Sequence[str]) -> None:
        while True:
            self._view.draw([self._supervisor.kept[name] for name in names])
            await asyncio.sleep(_DRAW_EVERY_S)

    async def _until_whole(self) -> None:
        """Wait until the API has its model and sees Prefect: what it can start without."""
        deadline = time.monotonic() + _WHOLE_WITHIN_S
        while missing := await still_missing(self._configuration):
            if time.monotonic() > deadline:
                raise PlatformError(f"The API runs, but still waits for {missing} after {_WHOLE_WITHIN_S} s.")
            await asyncio.sleep(0.2)

    async def _demo(self) -> None:
        """Send a picture all the way; the command prints its findings itself."""
        sys.stdout.flush()
        process = processes.start(
            [sys.executable, "-m", "imagineai_client", "demo"],
            env=self._configuration.environment("demo"),
            cwd=self._configuration.repository,
            log=None,
        )
        try:
            code = await processes.ended(process)
        finally:
            await processes.stop(process, signal.SIGTERM, grace_s=2)
        if code != 0:
            raise PlatformError(
                f"The platform came up, but the demo picture did not get through (exit code {code})."
            )

    def _detach(self) -> None:
        """Let the waiting command return, and go on without its terminal."""
        if self._options.detached_to is None:
            return
        sys.stdout.flush()
        log = self._configuration.home.log("launcher")
        self._view.continue_in(log)
        logs.write_to(log)
        os.write(self._options.detached_to, UP)
        os.close(self._options.detached_to)

    async def _or_stop(self, work: Awaitable[None]) -> None:
        """Do this, unless somebody asks the platform to end before it is done.

        Raises:
            _Stop: Somebody did.
            PlatformError: The work failed.
        """
        doing = asyncio.ensure_future(work)
        asked = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait((doing, asked), return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if not doing.done():
            doing.cancel()
            await asyncio.wait((doing,))
            raise _Stop
        doing.result()

    def _where_everything_is(self) -> list[tuple[str, str]]:
        kept = self._supervisor.kept.values()
        rows = [(each.part.title, each.part.address) for each in kept if each.part.address]
        if "api" in self._supervisor.kept:
            variables = self._configuration.variables
            rows.insert(0, ("Console", f"{variables['IMAGINEAI_URL']}/"))
            rows.append(("API description", f"{variables['IMAGINEAI_URL']}/docs"))
            rows.append(("Metrics", f"{variables['INFERENCE_URL']}/metrics"))
        rows += [(name, "external, as the variable says") for name in self._configuration.external]
        home = self._configuration.home
        return [*rows, ("Variables", str(home.env_file)), ("Logs", str(home.logs))]

    def _write_state(self) -> None:
        state = {
            "launcher": os.getpid(),
            "parts": {
                name: {
                    "title": kept.part.title,
                    "state": kept.state,
                    "detail": kept.detail,
                    "pid": kept.process.pid if kept.process and kept.process.returncode is None else None,
                    "restarts": kept.restarts,
                    "address": kept.part.address,
                }
                for name, kept in self._supervisor.kept.items()
            },
        }
        with self._state.writing():
            write_private(self._configuration.home.state_file, json.dumps(state, indent=2) + "\n")
