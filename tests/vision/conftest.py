"""The released bundle, as `make models` has put it there."""

from pathlib import Path

import pytest

STARTER = Path(__file__).parents[2] / "models" / "starter"


@pytest.fixture(scope="session")
def starter():
    if not STARTER.is_dir():
        pytest.fail("models/starter is not there: `make models` fetches it")
    return STARTER


@pytest.fixture(scope="session")
def engine(starter):
    from imagineai_vision.engine import Engine

    engine = Engine.open(starter, device="cpu")
    yield engine
    engine.close()
