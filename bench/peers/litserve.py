"""LitServe: ``python -m bench.peers.litserve --backend torch --port 9000``."""

from typing import Any

import litserve
import numpy as np
from fastapi import Request
from numpy.typing import NDArray

from bench.peers.model import Model
from bench.peers.options import ROUTE, Options, from_command_line

BATCH_WAIT_S = 0.01


class Pictures(litserve.LitAPI):  # type: ignore[misc]  # litserve is not typed
    """The four steps that LitServe runs in each worker; it stacks what is decoded where it may batch."""

    def __init__(self, options: Options) -> None:
        wait_s = BATCH_WAIT_S if options.batch > 1 else 0.0
        super().__init__(max_batch_size=options.batch, batch_timeout=wait_s, api_path=ROUTE)
        self.options = options

    def setup(self, device: str) -> None:
        """Load the network."""
        self.model = Model(self.options)

    def decode_request(self, request: Request) -> NDArray[np.uint8]:
        """Decode the picture of a form."""
        return self.model.decode(request["file"].file.read())

    def predict(self, x: NDArray[np.uint8]) -> Any:
        """Compute one picture or, where it may batch, a stack of them."""
        return self.model.answers(x) if self.options.batch > 1 else self.model.answers(x[None])[0]

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        """Answer the top label and its scores."""
        return output


if __name__ == "__main__":
    given = from_command_line()
    server = litserve.LitServer(Pictures(given), accelerator="cpu", workers_per_device=given.workers)
    server.run(host="127.0.0.1", port=given.port, generate_client_file=False, log_level="warning")
