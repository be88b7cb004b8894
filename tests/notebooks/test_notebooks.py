"""Every notebook runs top to bottom against the running platform."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

OF_PHOTOS = {"01_look_at_the_data.ipynb", "06_calibration_and_abstention.ipynb"}
FOLDER = Path(__file__).resolve().parents[2] / "notebooks"


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.ipynb")))
def test_a_notebook_runs_top_to_bottom_and_shows_a_picture(name, platform, monkeypatch):
    if name in OF_PHOTOS and "IMAGINEAI_PHOTOS" not in os.environ:
        pytest.skip("IMAGINEAI_PHOTOS does not name a folder of real photos")
    for variable, value in platform.env.items():
        monkeypatch.setenv(variable, value)
    notebook = nbformat.read(FOLDER / name, as_version=4)

    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(FOLDER)}}).execute()

    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
