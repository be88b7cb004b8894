"""The platform that the tests share: real services, started once, stopped even when tests fail."""

import os
import uuid

import pytest

from tests import platforms, sharing
from tests.receiver import Receiver

if "PYTEST_XDIST_WORKER" in os.environ:
    # Threads of one training wait for each other: beside another worker's load that takes most of its time.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Share the tests among workers so that one alone starts the platform below."""
    return sharing.FileByFile(config, log)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    """Stop what a worker that was interrupted had no time to stop."""
    if not hasattr(session.config, "workerinput") and session.config.getoption("numprocesses", None):
        platforms.stop_all_below(session.config._tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def platform(tmp_path_factory):
    """A whole platform with roomy limits in a home of its own."""
    home = tmp_path_factory.mktemp("platform") / "home"
    with platforms.running(
        home, **platforms.ROOMY, **platforms.CALLS_BACK, **platforms.given_services()
    ) as started:
        yield started


@pytest.fixture(scope="module")
def receiver():
    """Whom webhooks call."""
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def path():
    """A path of the receiver that no other test's calls lead to."""
    return f"/{uuid.uuid4().hex}"
