"""Documents whose every command and piece of Python is executed, as a reader would try them."""

import json
import uuid

import pytest

from tests import documents
from tests.contract.wire import a_user
from tests.reader import Reader


@pytest.fixture
def reader(platform, tmp_path):
    """Somebody new, in a clone whose platform runs."""
    (tmp_path / ".imagineai").symlink_to(platform.home)
    return Reader(tmp_path, f"{uuid.uuid4().hex}@example.com")


@pytest.fixture
def known(reader, platform):
    """The same with an account."""
    with a_user(platform.url) as user:
        reader.email = user.email
        yield reader


def test_a_catalogue_manager_gets_the_table_from_a_shell(reader):
    said = reader.types(documents.script("docs/tutorials/catalogue-manager.md"))
    assert "2 analysed, 0 there already, 0 failed" in said
    header, *rows = (reader.folder / "delivery.csv").read_text().splitlines()
    assert len(rows) == 2
    named = {"product_title", "classification_label", "color", "material", "defect_score", "description_text"}
    assert named <= set(header.split(","))


def test_an_app_developer_gets_findings_a_secret_and_events(reader, platform):
    said = reader.types(documents.script("docs/tutorials/app-developer.md")).splitlines()
    assert all(isinstance(json.loads(line), str) for line in said[-3:-1])
    assert said[-1].startswith("whsec_")
    (piece,) = documents.pieces("docs/tutorials/app-developer.md")
    assert "generate_description completed" in reader.runs(piece, platform.url)


def test_a_picture_is_analysed_at_once_by_curl(known):
    said = known.types(documents.script("docs/analyze.md"))
    assert said.count('"classification_label"') == 2
