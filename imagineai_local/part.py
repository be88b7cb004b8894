"""What the supervisor needs to know about a part of the platform."""

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


async def _nothing() -> None:
    pass


async def _no() -> bool:
    return False


async def _at_once() -> str:
    return ""


@dataclass(frozen=True)
class Part:
    """One process that the platform keeps running, or runs once on its way up.

    Attributes:
        name: How commands, logs and other parts call it.
        title: How a person calls it.
        command: Program and arguments; never a secret.
        env: All variables of the process.
        cwd: Where it runs.
        log: Where its output goes.
        needs: The parts that have to be ready before it starts; it is stopped before them.
        after: Parts that start before it if they run at all, though it does not need them.
        ports: What it listens on, by port.
        address: Where a person or a client finds it.
        prepare: Run before every start.
        ready: Asked until it answers with the empty string; anything else says what is still missing.
        once: It does its work and ends; ready means that it has ended well.
        needless: For a part that runs once: whether its work is done already.
        finished: For a part that runs once: called when it has ended well.
        late: Started only when all others are ready and a picture has gone through.
        stop_signal: What asks it to end in order; sent by the kernel as well when the launcher dies.
        grace_s: How long it may take to end.
        become: Run in the child before the program, to give up root.
    """

    name: str
    title: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    log: Path
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    ports: Mapping[int, str] = field(default_factory=dict)
    address: str = ""
    prepare: Callable[[], Awaitable[None]] = _nothing
    ready: Callable[[], Awaitable[str]] = _at_once
    once: bool = False
    needless: Callable[[], Awaitable[bool]] = _no
    finished: Callable[[], Awaitable[None]] = _nothing
    late: bool = False
    stop_signal: signal.Signals = signal.SIGTERM
    grace_s: float = 5
    become: Callable[[], None] | None = None
