"""Every notebook runs top to bottom against the running platform, in its small size."""

import os
import re
from pathlib import Path

import httpx
import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
WITHOUT_PHOTOS = {"00_a_photo_and_its_findings.ipynb", "07_bring_your_own_photos.ipynb"}
PROMOTING = "05_promote_and_watch_the_api.ipynb"
NAMES = sorted(path.name for path in FOLDER.glob("*.ipynb"))

# A kernel's channels are closed late, and its client awaits in ways of old.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning"),
    pytest.mark.timeout(900),
]


@pytest.fixture
def run(platform, monkeypatch):
    """Run a notebook as a visitor would; gives its outputs."""

    def run(name):
        if name not in WITHOUT_PHOTOS and "IMAGINEAI_PHOTOS" not in os.environ:
            pytest.skip("IMAGINEAI_PHOTOS does not name a folder of real photos")
        variables = platform.env | {"IMAGINEAI_NOTEBOOK_SIZE": "small", "PYTHONPATH": str(FOLDER.parent)}
        for variable, value in variables.items():
            monkeypatch.setenv(variable, value)
        notebook = nbformat.read(FOLDER / name, as_version=4)
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(FOLDER)}}).execute()
        return [output for cell in notebook.cells for output in cell.get("outputs", [])]

    return run


@pytest.fixture
def registry(platform):
    """Who carries the alias champion; it is where it was after the test, whatever happens in it."""
    registry = Registry(platform)
    before = registry.champion()
    try:
        yield registry
    finally:
        registry.move_alias(before)


class Registry:
    """MLflow's alias and the API that follows it."""

    def __init__(self, platform):
        self._alias = f"{platform.env['MLFLOW_TRACKING_URI']}/api/2.0/mlflow/registered-models/alias"
        self._named = {"name": platform.env["MODEL_NAME"], "alias": "champion"}
        self._url, self._password = platform.url, platform.env["IMAGINEAI_DEMO_PASSWORD"]

    def champion(self):
        answer = httpx.get(self._alias, params=self._named, timeout=30)
        return answer.raise_for_status().json()["model_version"]["version"]

    def move_alias(self, version):
        httpx.post(self._alias, json=self._named | {"version": version}, timeout=30).raise_for_status()

    def served(self):
        """What GET /api/v1/models says; the notebook has made the demo user."""
        login = {"email": "demo@example.com", "password": self._password}
        tokens = (
            httpx.post(f"{self._url}/api/v1/auth/login", json=login, timeout=30).raise_for_status().json()
        )
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        return httpx.get(f"{self._url}/api/v1/models", headers=headers, timeout=30).raise_for_status().json()


@pytest.mark.parametrize("name", [name for name in NAMES if name != PROMOTING])
def test_a_notebook_runs_top_to_bottom_and_shows_a_picture(name, run):
    assert pictures_in(run(name))


def test_the_promoting_notebook_has_the_api_change_its_model_and_change_back(run, registry):
    before = registry.champion()
    outputs = run(PROMOTING)
    assert len(pictures_in(outputs)) == 2
    assert registry.champion() == before
    served = registry.served()
    assert (served["champion"]["version"], served["problem"]) == (before, None)
    said = "".join(output.get("text", "") for output in outputs)
    (challenger,) = re.findall(r"Version (\d+): accuracy", said)
    assert challenger != before
    assert f"The API answers with version {challenger}." in said
    assert said.endswith(f"The API answers with version {before}.\n")


def pictures_in(outputs):
    return [output for output in outputs if "image/png" in output.get("data", {})]
