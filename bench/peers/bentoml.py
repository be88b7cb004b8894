"""BentoML: ``python -m bench.peers.bentoml --backend torch --port 9000``."""

import os
import sys
from pathlib import Path
from typing import Any

import bentoml
import numpy as np

from bench.peers.model import Model
from bench.peers.options import ROUTE, VARIABLE, Options, from_command_line, from_environment

BATCH_MS = 1000

options = from_environment() if VARIABLE in os.environ else Options("torch", 0)
configured = bentoml.service(
    workers=options.workers,
    threads=options.slots,
    traffic={"timeout": 120},
    logging={"access": {"enabled": False}},
)


@configured
class OneByOne:
    """A forward pass a request."""

    def __init__(self) -> None:
        self.model = Model(options)

    @bentoml.api(route=ROUTE)  # type: ignore[untyped-decorator]  # bentoml is not typed
    def predict(self, file: Path) -> dict[str, Any]:
        """Answer the top label and its scores."""
        return self.model.answer(file.read_bytes())


@configured
class Batched:
    """A forward pass for the requests that adaptive batching put together; each answers a list of one."""

    def __init__(self) -> None:
        self.model = Model(options)

    @bentoml.api(  # type: ignore[untyped-decorator]  # bentoml is not typed
        route=ROUTE, batchable=True, max_batch_size=max(2, options.batch), max_latency_ms=BATCH_MS
    )
    def predict(self, file: list[Path]) -> list[dict[str, Any]]:
        """Answer the top label and its scores, of each."""
        return self.model.answers(np.stack([self.model.decode(one.read_bytes()) for one in file]))


if __name__ == "__main__":
    given = from_command_line()
    service = "bench.peers.bentoml:" + ("Batched" if given.batch > 1 else "OneByOne")
    serve = ("-m", "bentoml", "serve", service, "--host", "127.0.0.1", "--port", str(given.port))
    os.execv(sys.executable, (sys.executable, *serve))
