"""Every command that a document tells a reader to type is executed by a test, or left out with a reason."""

import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest

from tests import documents

ROOT = documents.ROOT
LISTED = tomllib.loads((Path(__file__).parent / "commands.toml").read_text())
WHOLE, EXECUTED, LEFT = LISTED["documents"], LISTED["executed"], LISTED["left"]


def relative(document):
    return document.relative_to(ROOT).as_posix()


def typed():
    """Each command, with the document that has it, which no document that is executed whole has too."""
    others = [document for document in documents.DOCUMENTS if relative(document) not in WHOLE]
    whole = {command for document in WHOLE for command in documents.commands(document)}
    return sorted(
        {
            (command, relative(document))
            for document in others
            for command in documents.commands(document)
            if command not in whole
        }
    )


@cache
def would_run(command):
    """What a command runs: of a verb of make, its recipe."""
    if not command.startswith("make "):
        return command
    words = command.split()[1:]
    asked = subprocess.run(
        ["make", "--dry-run", "--old-file=.venv/ready", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return f"{command}\n{asked.stdout}"


def shows(path):
    """What a test's file says that it executes, and what the documents say that it goes through."""
    return "\n".join(
        (ROOT / file).read_text() for file in (path, *(name for name, test in WHOLE.items() if test == path))
    )


def test_there_are_commands_to_look_at():
    assert len(typed()) > 10
    assert sum(len(documents.commands(document)) for document in WHOLE) > 20


@pytest.mark.parametrize("document", documents.DOCUMENTS, ids=relative)
def test_every_block_is_a_shells_or_says_its_language(document):
    languages = {language for language, _ in documents.blocks(document.read_text())}
    assert languages <= {documents.SHELL, documents.PYTHON, *documents.SHOWN}


@pytest.mark.parametrize(("command", "document"), typed())
def test_every_command_is_executed_or_left_out_with_a_reason(command, document):
    assert (command in EXECUTED) != (command in LEFT), f"{command}: see tests/architecture/commands.toml"


@pytest.mark.parametrize("document", documents.DOCUMENTS, ids=relative)
def test_python_stands_only_where_a_test_executes_all_of_it(document):
    assert not documents.pieces(document) or relative(document) in WHOLE


@pytest.mark.parametrize(("document", "path"), WHOLE.items())
def test_a_document_that_is_executed_whole_is_named_by_the_test_that_does(document, path):
    assert (ROOT / document).is_file()
    assert Path(document).name in (ROOT / path).read_text()


@pytest.mark.parametrize(("command", "shown"), EXECUTED.items())
def test_an_executed_command_and_its_test_run_the_same(command, shown):
    place, common = shown
    path, _, test = place.partition(": ")
    assert re.search(rf"^(?:async )?def {test}\(", (ROOT / path).read_text(), re.MULTILINE), place
    assert common in would_run(command)
    assert common in shows(path)


def test_nothing_is_listed_that_no_document_has():
    known = {command for document in documents.DOCUMENTS for command in documents.commands(document)}
    assert {*EXECUTED, *LEFT} - known == set()


def test_few_commands_are_left_out_each_with_a_reason():
    assert len(LEFT) <= 12
    assert all(len(reason.split()) > 3 for reason in LEFT.values())


def test_a_command_that_is_new_is_noticed():
    text = "Type\n\n    make coffee  # strong\n\nor\n\n```sh\nmake tea \\\n  SUGAR=2\n```\n"
    found = [command for _, block in documents.blocks(text) for command in documents.as_lines(block)]
    assert found == ["make coffee", "make tea SUGAR=2"]
    assert not {*found} & {*EXECUTED, *LEFT}
