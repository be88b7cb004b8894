"""A bare FastAPI endpoint: ``python -m bench.peers.bare_fastapi --backend torch --port 9000``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI, Request, UploadFile

from bench.peers.model import Model
from bench.peers.options import ROUTE, from_command_line, from_environment


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Load the network; endpoints that are no coroutines run in as many threads as there are slots."""
    options = from_environment()
    current_default_thread_limiter().total_tokens = options.slots
    app.state.model = Model(options)
    yield


app = FastAPI(lifespan=lifespan)


@app.post(ROUTE)
def predict(request: Request, file: UploadFile) -> dict[str, Any]:
    """Answer the top label and its scores."""
    answer: dict[str, Any] = request.app.state.model.answer(file.file.read())
    return answer


if __name__ == "__main__":
    given = from_command_line()
    uvicorn.run("bench.peers.bare_fastapi:app", port=given.port, workers=given.workers, access_log=False)
