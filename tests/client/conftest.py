"""Users of the running platform."""

import pytest

from tests.contract.wire import a_user


@pytest.fixture(scope="module")
def user(platform):
    with a_user(platform.url) as one:
        yield one
