"""How a peer is run; read from its command line, and from its environment by the processes that it starts."""

import argparse
import json
import os
from dataclasses import asdict, dataclass

VARIABLE = "BENCH_PEER_OPTIONS"
ROUTE = "/predict"


@dataclass(frozen=True)
class Options:
    """How a peer is run.

    Attributes:
        backend: What computes, "torch" or "onnx".
        port: Where it answers, on 127.0.0.1.
        workers: Processes that compute.
        slots: Requests that one of them computes at once, where the peer lets one say so.
        threads: Of one forward pass.
        batch: Pictures of one forward pass at most.
        loaded: Folder in which each worker leaves a file once it has its network; "" for none.
    """

    backend: str
    port: int
    workers: int = 1
    slots: int = 1
    threads: int = 1
    batch: int = 1
    loaded: str = ""

    def arguments(self) -> list[str]:
        """Give the command line that ``from_command_line`` reads."""
        return [word for name, value in asdict(self).items() for word in (f"--{name}", str(value))]


def from_command_line() -> Options:
    """Read the command line, and hand what it says to the processes that are started from here."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--backend", choices=("torch", "onnx"), required=True)
    parser.add_argument("--port", type=int, required=True)
    for name in ("workers", "slots", "threads", "batch"):
        parser.add_argument(f"--{name}", type=int, default=1)
    parser.add_argument("--loaded", default="")
    options = Options(**vars(parser.parse_args()))
    os.environ[VARIABLE] = json.dumps(asdict(options))
    return options


def from_environment() -> Options:
    """Read what the process that started this one was told."""
    return Options(**json.loads(os.environ[VARIABLE]))
