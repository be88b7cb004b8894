"""A platform whose processes are killed and stopped, and the laws that hold after each fault."""

import pytest

from tests import platforms
from tests.contract.wire import eventually
from tests.faults import invariants, processes
from tests.system.callers import Callers

SHORT = {
    "LEASE_S": "3",
    "SHIFT_HEARTBEAT_S": "0.75",
    "DISPATCH_POLL_S": "0.2",
    "DATABASE_IDLE_S": "3",
    "BATCH_SILENT_S": "10",
    "SHIFT_MINUTES": "120",
    "WEBSOCKETS_PER_USER": "1000",
}
"""Waits of the platform, so short that a test sees their ends; and no shift that ends by itself meanwhile."""
AT_REST_WITHIN_S = 120
OPEN = "SELECT id, job_type, status FROM jobs WHERE completed_at IS NULL"
UNDONE = "SELECT id, kind, last_error FROM outbox WHERE done_at IS NULL AND due_at <= now()"


@pytest.fixture(scope="package")
def platform(tmp_path_factory):
    """A platform for faults alone; it ends with them."""
    home = tmp_path_factory.mktemp("faults") / "home"
    with platforms.running(home, **platforms.ROOMY, **SHORT) as started:
        yield started


@pytest.fixture(scope="package")
def database_url(platform):
    """Where the platform's rows are."""
    return platform.env["DATABASE_URL"]


@pytest.fixture
def database(database_url):
    """A connection of the test's own."""
    with invariants.connect(database_url) as connection:
        yield connection


@pytest.fixture
def callers(platform):
    """A new user with a product, once every part is well."""
    processes.whole_again(platform)
    callers = Callers(platform.url)
    yield callers
    callers.close()


@pytest.fixture(autouse=True)
def the_laws_hold_afterwards(database_url):
    """Wait until nothing is left to do, and check the database."""
    yield
    with invariants.connect(database_url) as connection:
        at_rest(connection)
    invariants.check(database_url)


def at_rest(connection, within_s=AT_REST_WITHIN_S):
    """Wait until every job has ended and nothing that is due is left in the outbox."""
    for query in (OPEN, UNDONE):
        eventually(lambda query=query: connection.execute(query).fetchall(), lambda rows: not rows, within_s)
