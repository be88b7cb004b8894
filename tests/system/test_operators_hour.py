"""docs/tutorials/operator.md on a platform of its own: started, broken, saved, lost and brought back."""

import shutil

import pytest

from tests import documents, platforms
from tests.reader import Reader

HOUR = "docs/tutorials/operator.md"
PORT = 8000
"""The document's first port."""


@pytest.fixture
def operator(tmp_path):
    base = platforms.free_base()
    yield Reader(tmp_path, "operator@example.com", IMAGINEAI_PORT_BASE=str(base)), base
    platforms.down(tmp_path / ".imagineai")
    shutil.rmtree(tmp_path / "lost", ignore_errors=True)


@pytest.mark.timeout(600)
def test_the_operators_hour_goes_as_the_tutorial_says(operator):
    reader, base = operator
    script = (
        documents.script(HOUR).replace(f":{PORT}/", f":{base}/").replace(f":{PORT + 1}/", f":{base + 1}/")
    )
    said = reader.types(script)
    assert '"prefect": "ok"' in said
    assert "imagineai_shifts_open 1.0" in said
    assert "started again 1 times" in said
    assert "3 databases" in said
    assert said.rstrip().endswith("ready\nEverything is stopped.")
    assert (reader.folder / "backup.tar").stat().st_size > 1_000_000
