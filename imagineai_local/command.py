"""The command `python -m imagineai_local`: up, down, status, backup, restore."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import psutil

from imagineai_local import external, guardian
from imagineai_local.backup import archive
from imagineai_local.configuration import Configuration, read_configuration
from imagineai_local.errors import PlatformError
from imagineai_local.home import Home, Lock, find_home, open_home, write_env
from imagineai_local.launcher import UP, Options, launch, read_state
from imagineai_local.part import Part
from imagineai_local.parts import all_parts
from imagineai_local.ports import require_free
from imagineai_local.view import View

_DOWN_WITHIN_S = 60
_CLEARED_WITHIN_S = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; a failure is a sentence on the error output and exit code 1."""
    options = _parser().parse_args(arguments)
    os.umask(0o077)
    try:
        if options.command == "up":
            return up(only=options.only, demo=options.demo, detach=options.detach)
        return cast(int, options.on_home(find_home(os.environ), options))
    except PlatformError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def up(*, only: Sequence[str], demo: bool, detach: bool) -> int:
    """Start the platform, and stay in front of it or return once it is up.

    Raises:
        PlatformError: It cannot be started; the message says why.
    """
    home = open_home(os.environ)
    if not only:
        archive.require_finished(home)
    lock = _only_launcher(home)
    configuration = read_configuration(os.environ)
    guardian.end_leftovers(configuration)
    parts = all_parts(configuration, only)
    require_free({port: title for part in parts for port, title in part.ports.items()})
    external.check(configuration, {part.name for part in parts})
    write_env(configuration.home, configuration.variables)
    if detach:
        return _detached(configuration, parts, lock, demo=demo)
    return _guarded(configuration, parts, lock, Options(demo=demo, detached_to=None))


def down(home: Home) -> int:
    """Ask the launcher to stop everything and wait until it has.

    Raises:
        PlatformError: It neither stops nor can be killed.
    """
    lock = Lock(home)
    launcher = lock.holder()
    if launcher is None:
        sys.stdout.write(f"Nothing runs in {home.folder}.\n")
        return 0
    for sign in (signal.SIGTERM, signal.SIGKILL):  # after a kill its guardian ends the rest
        _signal(launcher, sign)
        if _let_go(lock):
            sys.stdout.write("Everything is stopped.\n")
            return 0
    raise PlatformError(f"The launcher (process {launcher}) in {home.folder} does not end.")


def _let_go(lock: Lock) -> bool:
    deadline = time.monotonic() + _DOWN_WITHIN_S
    while lock.holder() is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def status(home: Home) -> int:
    """Print every part with its state; exit code 0 when all are ready, 1 when not, 3 when nothing runs."""
    if Lock(home).holder() is None:
        sys.stdout.write(f"Nothing runs in {home.folder}.\n")
        return 3
    parts = read_state(home)
    View().summary((part["title"], " ".join(_facts(part))) for part in parts)
    return 0 if parts and all(part["state"] in ("ready", "done") for part in parts) else 1


def _facts(part: dict[str, Any]) -> list[str]:
    facts = [f"{part['state']:<10}", f"process {part['pid']}" if part["pid"] else ""]
    if part["restarts"]:
        facts.append(f"started again {part['restarts']} times")
    return [*facts, str(part["detail"] or part["address"])]


def _only_launcher(home: Home) -> Lock:
    """Take the home's lock; where its launcher has just died, wait until its guardian has cleared up."""
    lock = Lock(home)
    deadline = time.monotonic() + _CLEARED_WITHIN_S
    while not lock.acquire():
        holder = lock.holder()
        if time.monotonic() > deadline or (holder is not None and psutil.pid_exists(holder)):
            raise PlatformError(
                f"A launcher (process {holder}) runs in {home.folder} already; "
                "`make down` stops it, IMAGINEAI_HOME names another home."
            )
        time.sleep(0.05)
    return lock


def _guarded(configuration: Configuration, parts: Sequence[Part], lock: Lock, options: Options) -> int:
    def in_child() -> int:
        lock.sign(os.getpid())
        return launch(configuration, parts, options)

    code = guardian.guard(in_child, configuration, silent=options.detached_to is not None)
    if code < 0:
        sys.stderr.write(
            f"The launcher was ended by signal {-code}; everything it had started is ended too.\n"
        )
    return code if code >= 0 else 1


def _detached(configuration: Configuration, parts: Sequence[Part], lock: Lock, *, demo: bool) -> int:
    """Run the guardian and the launcher in a session of their own, and wait until the platform is up."""
    reading, writing = os.pipe()
    guarding = os.fork()
    if guarding == 0:
        os.setsid()
        os.close(reading)
        os._exit(_guarded(configuration, parts, lock, Options(demo=demo, detached_to=writing)))
    os.close(writing)
    lock.release()
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, lambda *_: _signal(guarding, signal.SIGTERM))
    with os.fdopen(reading, "rb") as answer:
        return 0 if answer.read(len(UP)) == UP else 1


def _signal(pid: int, sign: signal.Signals) -> None:
    try:
        os.kill(pid, sign)
    except ProcessLookupError:
        return


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="imagineai_local", description="The whole of ImagineAI on this machine."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    starting = commands.add_parser("up", help="start everything and send a picture through it")
    starting.add_argument("--detach", action="store_true", help="return once everything is up")
    starting.add_argument("--no-demo", dest="demo", action="store_false", help="send no picture")
    starting.add_argument(
        "--only",
        type=lambda text: text.split(","),
        default=[],
        metavar="PART,PART",
        help="start these and their needs",
    )
    commands.add_parser("down", help="stop everything").set_defaults(on_home=lambda home, _: down(home))
    commands.add_parser("status", help="say what runs").set_defaults(on_home=lambda home, _: status(home))
    for name, run, says in (
        ("backup", archive.back_up, "write all that the platform holds into a file"),
        ("restore", archive.restore, "fill an empty home from such a file"),
    ):
        keeping = commands.add_parser(name, help=says)
        keeping.add_argument("file", type=Path)
        keeping.set_defaults(on_home=partial(_keep, run))
    return parser


def _keep(run: Callable[[Home, Path], str], home: Home, options: argparse.Namespace) -> int:
    sys.stdout.write(f"{run(home, options.file.absolute())}\n")
    return 0
