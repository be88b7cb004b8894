"""The platform that the tests share: real services, started once, stopped even when tests fail."""

import pytest

from tests import platforms


@pytest.fixture(scope="session")
def platform(tmp_path_factory):
    """A whole platform with roomy limits in a home of its own."""
    home = tmp_path_factory.mktemp("platform") / "home"
    with platforms.running(home, **platforms.ROOMY, **platforms.given_services()) as started:
        yield started
