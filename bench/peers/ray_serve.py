"""Ray Serve: ``python -m bench.peers.ray_serve --backend torch --port 9000``."""

from typing import Any

import numpy as np
import ray
from fastapi import FastAPI, UploadFile
from numpy.typing import NDArray
from ray import serve

from bench.peers.model import Model
from bench.peers.options import ROUTE, Options, from_command_line

BATCH_WAIT_S = 0.01
QUIET = {"enable_access_log": False}

app = FastAPI()


@serve.deployment(logging_config=QUIET)
@serve.ingress(app)
class OneByOne:
    """A forward pass a request; endpoints that are no coroutines run in FastAPI's threads."""

    def __init__(self, options: Options) -> None:
        self.model = Model(options)

    @app.post(ROUTE)
    def predict(self, file: UploadFile) -> dict[str, Any]:
        """Answer the top label and its scores."""
        return self.model.answer(file.file.read())


batching = FastAPI()


@serve.deployment(logging_config=QUIET)
@serve.ingress(batching)
class Batched:
    """A forward pass for the requests that came together."""

    def __init__(self, options: Options) -> None:
        self.model = Model(options)
        self.compute.set_max_batch_size(options.batch)

    @batching.post(ROUTE)
    async def predict(self, file: UploadFile) -> Any:
        """Answer the top label and its scores."""
        return await self.compute(self.model.decode(await file.read()))

    @serve.batch(batch_wait_timeout_s=BATCH_WAIT_S)  # type: ignore[untyped-decorator]  # ray is not typed
    async def compute(self, rgb: list[NDArray[np.uint8]]) -> list[dict[str, Any]]:
        """Compute all of them."""
        return self.model.answers(np.stack(rgb))


if __name__ == "__main__":
    given = from_command_line()
    ray.init(include_dashboard=False)
    serve.start(http_options={"host": "127.0.0.1", "port": given.port})
    deployment: Any = Batched if given.batch > 1 else OneByOne
    replicas = deployment.options(num_replicas=given.workers, max_ongoing_requests=given.slots)
    serve.run(replicas.bind(given), blocking=True)
