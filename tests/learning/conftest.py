"""The released bundle and the real photos."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def repository():
    return REPOSITORY


@pytest.fixture(scope="session")
def starter():
    folder = REPOSITORY / "models" / "starter"
    if not folder.is_dir():
        pytest.fail("models/starter is not there: `make models` fetches it")
    return folder


@pytest.fixture(scope="session")
def photos():
    """The folder of real photos by split and label."""
    if "IMAGINEAI_PHOTOS" not in os.environ:
        pytest.skip("IMAGINEAI_PHOTOS does not name a folder of real photos")
    return Path(os.environ["IMAGINEAI_PHOTOS"])
