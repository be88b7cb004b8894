"""A peer's own process: started, waited for, stopped with all that it started."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import psutil

from bench.peers.options import ROUTE, Options
from bench.peers.settings import Peer, Setting
from bench.platform import free_ports
from bench.processes import MARK, Part

PYTHON = "IMAGINEAI_PEERS_PYTHON"
ROOT = Path(__file__).parents[2]
START_S, STOP_S, LOOK_S, ANSWER_S = 180.0, 15.0, 0.2, 60.0
LOADED, LOG = "loaded", "log"
TAIL = 2000
TELL_NOBODY = {"RAY_USAGE_STATS_ENABLED": "0", "BENTOML_DO_NOT_TRACK": "true"}
FIND = """
import importlib.util, sys
for name in sys.argv[1:]:
    try:
        found = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        found = None
    if found is None:
        print(name)
"""


class PeerError(Exception):
    """A peer does not answer; the text has its last words."""


@dataclass(frozen=True)
class Server:
    """A peer that answers: where, and by which processes."""

    address: str
    processes: Part


def interpreter() -> str:
    """Give the Python that has the peers: the one that ``IMAGINEAI_PEERS_PYTHON`` names, or ours."""
    named = os.environ.get(PYTHON)
    # Not resolved: the link is what makes it the Python of its folder.
    return str(Path(named).absolute()) if named else sys.executable


def absent(peers: Sequence[Peer]) -> list[Peer]:
    """Find those that the peers' Python cannot import."""
    names = sorted({name for peer in peers for name in peer.needs})
    # Beside no folder of ours, where bench/peers/litserve.py might be taken for LitServe.
    found = subprocess.run(
        [interpreter(), "-c", FIND, *names], cwd="/", capture_output=True, text=True, check=True
    )
    missing = set(found.stdout.split())
    return [peer for peer in peers if missing.intersection(peer.needs)]


def absence(peers: Sequence[Peer]) -> str:
    """Say in a sentence which are absent, and what to do about it; "" where none is."""
    missing = ", ".join(peer.name for peer in absent(peers))
    return missing and (
        f"Not measured, because {interpreter()} cannot import them: {missing}. "
        f"bench/README.md says how to install them."
    )


@contextmanager
def running(peer: Peer, backend: str, setting: Setting, picture: bytes) -> Iterator[Server]:
    """Run a peer for the block.

    Args:
        peer: Which.
        backend: What computes, "torch" or "onnx".
        setting: How.
        picture: What it must answer before the block begins.

    Raises:
        PeerError: It ends, or does not answer in time.
    """
    with tempfile.TemporaryDirectory(prefix="peer-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / LOADED).mkdir()
        options = Options(backend, free_ports(), **asdict(setting), loaded=str(folder / LOADED))
        server = Server(f"http://127.0.0.1:{options.port}{ROUTE}", Part(folder, peer.program))
        process, deadline = _start(peer, options, folder), time.monotonic() + START_S
        try:
            while not (_workers(folder) >= options.workers and _answers(server.address, picture)):
                _require_alive(process, folder, deadline)
                time.sleep(LOOK_S)
            yield server
        finally:
            _stop(process, server.processes)


def _start(peer: Peer, options: Options, folder: Path) -> subprocess.Popen[bytes]:
    homes = {"BENTOML_HOME": str(folder / "bentoml"), "RAY_TMPDIR": str(folder), "TMPDIR": str(folder)}
    env = {**os.environ, **TELL_NOBODY, **homes, MARK: f"{folder}:{peer.program}"}
    command = [interpreter(), "-m", f"bench.peers.{peer.program}", *options.arguments()]
    with (folder / LOG).open("wb") as log:
        return subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)


def _workers(folder: Path) -> int:
    """Count those that have their network."""
    return sum(1 for _ in (folder / LOADED).iterdir())


def _answers(address: str, picture: bytes) -> bool:
    files = {"file": ("photo.jpg", picture, "image/jpeg")}
    try:
        return httpx.post(address, files=files, timeout=ANSWER_S).is_success
    except httpx.TransportError:
        return False


def _require_alive(process: subprocess.Popen[bytes], folder: Path, deadline: float) -> None:
    if process.poll() is not None or time.monotonic() > deadline:
        said = (folder / LOG).read_text(errors="replace")[-TAIL:]
        raise PeerError(f"A peer does not answer: {process.args!r}\n{said}")


def _stop(process: subprocess.Popen[bytes], processes: Part) -> None:
    """Ask it to stop; end what it leaves behind."""
    started = processes.processes()
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_S)
    for left in {*started, *processes.processes()}:
        with suppress(psutil.NoSuchProcess):
            left.kill()
    process.wait()
