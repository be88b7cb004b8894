"""A prediction whose caller is gone: on the private port, and in the thread that decodes its picture."""

import asyncio
import threading
from contextlib import suppress

import pytest

from imagineai_api.gone import CLIENT_GONE
from imagineai_api.inference import routes
from imagineai_api.inference.loaded import Served
from imagineai_api.inference.registry import ModelRegistry
from imagineai_api.inference.source import ModelVersion
from imagineai_api.settings import Settings

SECRET = "secret"
IN_TIME_S = 10


class Engine:
    """Decodes until it is told to go on, and then computes unless nobody waits."""

    def __init__(self):
        self.decodes, self.may_go_on, self.ended = (threading.Event() for _ in range(3))
        self.computed = None

    def predict(self, data, given_up):
        self.decodes.set()
        assert self.may_go_on.wait(IN_TIME_S)
        self.computed = not given_up()
        self.ended.set()
        raise ValueError("nothing is told of it")


@pytest.fixture
def engine():
    return Engine()


@pytest.fixture
def registry(engine, tmp_path):
    registry = ModelRegistry(Settings(model_cache=tmp_path, inference_slots=1))
    registry._serve(Served(ModelVersion("1", None, None), "", engine))
    yield registry
    engine.may_go_on.set()
    registry.close()


def request(heard):
    """A request for a prediction, and what its connection tells after the body."""
    path = {"type": "http", "method": "POST", "path": "/predict", "query_string": b""}
    body = iter([{"type": "http.request", "body": b"a picture", "more_body": False}])

    async def receive():
        with suppress(StopIteration):
            return next(body)
        await heard.wait()
        return {"type": "http.disconnect"}

    return {**path, "headers": [(routes.SECRET_HEADER.lower().encode(), SECRET.encode())]}, receive


async def test_a_flow_that_hangs_up_has_nothing_computed(registry, engine):
    (predict, _), gone, answers = routes.routes(registry, SECRET), asyncio.Event(), []

    async def send(message):
        answers.append(message)

    asked = asyncio.create_task(predict.app(*request(gone), send))
    assert await asyncio.to_thread(engine.decodes.wait, IN_TIME_S)
    gone.set()
    await asyncio.wait_for(asked, IN_TIME_S)
    engine.may_go_on.set()

    assert await asyncio.to_thread(engine.ended.wait, IN_TIME_S)
    assert engine.computed is False
    assert answers[0]["status"] == CLIENT_GONE


async def test_who_still_waits_has_its_picture_computed(registry, engine):
    asked = asyncio.create_task(registry.predict(b"a picture"))
    assert await asyncio.to_thread(engine.decodes.wait, IN_TIME_S)
    engine.may_go_on.set()

    with pytest.raises(ValueError, match="nothing is told"):
        await asked
    assert engine.computed is True
