"""docs/contract.md: every promise names tests that exist, and no contract test is without its promise."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = re.compile(r"`(?P<path>tests/[\w/]+\.py): (?P<test>test_\w+)`")


def rows():
    lines = (ROOT / "docs" / "contract.md").read_text().splitlines()
    rows = [line.strip("|").split("|") for line in lines if line.startswith("|")]
    return [row for row in rows if row[0].strip() not in {"what holds", "---"}]


def references():
    return sorted({pair for _, tests in rows() for pair in REFERENCE.findall(tests)})


@cache
def defined_in(path):
    tree = ast.parse((ROOT / path).read_text())
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {function.name for function in functions if function.name.startswith("test_")}


def test_every_row_has_a_promise_and_at_least_one_test():
    for row in rows():
        assert len(row) == 2, row
        promise, tests = row
        assert promise.strip().endswith("."), row
        assert REFERENCE.search(tests), row


def test_the_sections_of_the_reference_are_all_there():
    headings = re.findall(r"^## (\d+)\. ", (ROOT / "docs" / "contract.md").read_text(), re.MULTILINE)
    assert headings == [str(number) for number in range(1, 12)]


@pytest.mark.parametrize(("path", "test"), references())
def test_each_named_test_exists(path, test):
    assert test in defined_in(path)


@pytest.mark.parametrize("path", sorted(ROOT.glob("tests/contract/test_*.py")), ids=lambda path: path.stem)
def test_each_contract_test_holds_a_promise(path):
    relative = str(path.relative_to(ROOT))
    promised = {test for file, test in references() if file == relative}
    assert defined_in(relative) - promised == set()
