"""The architecture that style and README promise, held by tests."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from imagineai_api import errors
from imagineai_api.errors import ImagineAIError

ROOT = Path(__file__).resolve().parents[2]
ENTRY = re.compile(r"^\d+\. `(?P<path>[\w/]+\.py): (?P<symbol>\w+)`", re.MULTILINE)


def test_every_import_contract_is_kept():
    linted = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert linted.returncode == 0, linted.stdout


def life_of_an_image() -> list[tuple[str, str]]:
    return ENTRY.findall((ROOT / "README.md").read_text())


def test_the_readme_tells_the_life_of_an_image():
    assert len(life_of_an_image()) >= 10


@pytest.mark.parametrize(("path", "symbol"), life_of_an_image())
def test_each_station_of_an_image_is_defined_where_the_readme_says(path, symbol):
    tree = ast.parse((ROOT / path).read_text())
    defined = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }

    assert symbol in defined


def test_the_layers_that_are_drawn_are_those_of_the_contracts():
    drawn = re.findall(r"```text\n(.+?)```", (ROOT / "docs" / "architecture.md").read_text(), re.DOTALL)
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]

    assert [block.splitlines() for block in drawn] == [one["layers"] for one in contracts if "layers" in one]


def test_the_readme_fits_on_two_screens():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 90


def test_the_drawn_error_tree_is_the_real_one():
    drawn = {
        name
        for line in (errors.__doc__ or "").splitlines()
        for name in re.findall(r"^[\s│├└─]*([A-Z]\w+)", line)
        if hasattr(errors, name)
    }
    assert drawn == {kind.__name__ for kind in own_errors()}


def own_errors() -> list[type[ImagineAIError]]:
    classes = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]
    return [kind for kind in classes if issubclass(kind, ImagineAIError)]


def test_every_error_answers_with_a_status_and_a_sentence():
    for kind in own_errors():
        assert 400 <= kind.status < 600
        assert re.fullmatch(r"[A-Z].*\.", kind.sentence)


def test_routes_never_catch():
    for path in ROOT.glob("imagineai_api/*/routes.py"):
        if path.parent.name in {"live", "health", "inference", "uploads"}:
            continue  # sockets close by code, health reports, forms are parsed: each translates on purpose
        assert "except" not in path.read_text(), path


def test_http_exceptions_are_raised_nowhere():
    for path in ROOT.glob("imagineai_api/**/*.py"):
        assert "raise HTTPException" not in path.read_text(), path


def test_nothing_connects_at_import_time():
    modules = ["imagineai_api.app", "flows.processing", "imagineai_client.client"]
    listening = "import sys, socket; socket.socket.connect = lambda *a: sys.exit('connected at import')\n"
    code = listening + "\n".join(f"import {module}" for module in modules)

    imported = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)

    assert imported.returncode == 0, imported.stderr


def test_the_committed_openapi_document_is_the_apps():
    document = importlib.import_module("imagineai_api.openapi").document()

    assert document == (ROOT / "docs" / "openapi.json").read_text(), "run `make openapi`"


def test_no_folder_is_named_after_nothing():
    vague = {"core", "common", "utils", "helpers", "manager", "base"}
    folders = [folder for folder in ROOT.iterdir() if not folder.name.startswith((".", "tests"))]
    packages = [path.relative_to(ROOT) for folder in folders for path in folder.rglob("*.py")]

    assert not [path for path in packages if vague & {*path.parts, path.stem}]
