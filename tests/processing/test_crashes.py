"""A crash of a route, on a real server: one error form, one line in the log."""

import asyncio
import json
import logging

import httpx
import pytest
import uvicorn

from imagineai_api import request_log
from imagineai_api.app import create_app


@pytest.fixture
async def crashing(settings):
    """The service with a route that crashes before its answer and one that crashes within it."""
    app = create_app(settings)

    @app.get("/crash")
    async def crash():
        raise ZeroDivisionError("secret words")

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        assert not serving.done(), "the server did not start"
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await serving


async def test_a_crash_is_a_500_in_the_one_form_with_id_and_security_headers(crashing):
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{crashing}/crash", headers={"X-Request-ID": "mine"})

    assert answer.status_code == 500
    assert answer.json() == {"detail": "The service met an error that it did not expect."}
    assert answer.headers["X-Request-ID"] == "mine"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src" in answer.headers["Content-Security-Policy"]


async def test_a_crash_is_logged_once_with_its_trace_and_the_request_as_500(crashing, caplog):
    with caplog.at_level(logging.INFO):
        async with httpx.AsyncClient() as client:
            await client.get(f"{crashing}/crash")

    traces = [record for record in caplog.records if record.exc_info]
    assert [record.getMessage() for record in traces] == ["GET /crash crashed"]
    line = json.loads(request_log.JsonLines().format(traces[0]))
    assert "ZeroDivisionError" in line["exception"]
    assert "GET /crash 500" in [record.getMessage() for record in caplog.records]
