"""Small platforms of the tests' own: only the parts that a test needs."""

import pytest

from tests import platforms


@pytest.fixture
def home(tmp_path):
    """An empty home; whatever runs in it is stopped at the end."""
    folder = tmp_path / "home"
    yield folder
    if folder.exists():
        platforms.down(folder)


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """PostgreSQL, Redis and S3, for tests that leave them running."""
    home = tmp_path_factory.mktemp("stores") / "a home"
    with platforms.running(home, "--only", "postgres,redis,s3") as started:
        yield started
