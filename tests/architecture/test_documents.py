"""What the documents name is there: files, verbs of make, settings."""

import re
from functools import cache

import pytest

from tests.documents import DOCUMENTS, ROOT

CODE = re.compile(r"`([^`\n]+)`")
PLACES = tuple(
    f"{path.name}/"
    for path in ROOT.iterdir()
    if path.is_dir() and not path.name.startswith((".", "outputs", "models"))
)
OTHERS = ("PREFECT_", "OTEL_")
"""Variables that only a part of somebody else's reads."""


def named(pattern):
    """Every match within the code of a document, with the document's name."""
    return sorted(
        {
            (str(document.relative_to(ROOT)), match)
            for document in DOCUMENTS
            for code in CODE.findall(document.read_text())
            for match in re.findall(pattern, code)
        }
    )


@cache
def sources():
    files = [path for place in PLACES for path in (ROOT / place).rglob("*.py")]
    return "\n".join(path.read_text() for path in [*files, ROOT / "Makefile"])


def test_there_are_documents_to_look_at():
    assert len(DOCUMENTS) > 25


@pytest.mark.parametrize(("document", "path"), named(r"^([\w.-]+/[\w./-]*[\w/])(?::|$)"))
def test_every_path_that_is_named_exists(document, path):
    if path.startswith(PLACES):
        assert (ROOT / path).exists()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_every_link_leads_somewhere(document):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
        assert (document.parent / target).exists(), target


@pytest.mark.parametrize(("document", "place"), named(r"^(tests/[\w/]+\.py: test_\w+)$"))
def test_every_test_that_is_named_is_there(document, place):
    path, _, test = place.partition(": ")
    assert re.search(rf"^(?:async )?def {test}\(", (ROOT / path).read_text(), re.MULTILINE)


@pytest.mark.parametrize(("document", "verb"), named(r"^make ([a-z]+)"))
def test_every_verb_of_make_exists(document, verb):
    assert re.search(rf"^{verb}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize(("document", "name"), named(r"^([A-Z][A-Z0-9]*_[A-Z0-9_]+)(?:=|$)"))
def test_every_variable_is_read_somewhere(document, name):
    assert name.startswith(OTHERS) or re.search(rf"\b{name}\b|\b{name.lower()}\b", sources())
