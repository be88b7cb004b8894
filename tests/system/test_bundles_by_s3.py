"""What one checkout pushes to the platform's S3 by DVC, another one pulls."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from imagineai_vision.bundle import digest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no git checkout")


@pytest.fixture
def dvc(platform):
    """Run DVC in a checkout with the platform's variables."""

    def dvc(checkout, *arguments):
        command = (sys.executable, "-m", "dvc", *arguments)
        return subprocess.run(
            command, cwd=checkout, env=os.environ | platform.env, capture_output=True, text=True, timeout=120
        )

    return dvc


def test_what_is_pushed_to_s3_is_pulled_by_a_checkout_without_the_release(dvc, platform, tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    for checkout in (here, there):
        subprocess.run(["git", "clone", "--quiet", ROOT, checkout], check=True)
        dvc(checkout, "remote", "add", "--local", "team", f"s3://imagineai-dvc/{tmp_path.name}")
        endpoint = platform.env["S3_ENDPOINT_URL"]
        assert dvc(checkout, "remote", "modify", "--local", "team", "endpointurl", endpoint).returncode == 0
    shutil.rmtree(there / "releases")
    assert dvc(here, "pull", "models.dvc").returncode == 0
    assert dvc(there, "pull", "models.dvc").returncode != 0

    pushed = dvc(here, "push", "--remote", "team", "models.dvc")
    pulled = dvc(there, "pull", "--remote", "team", "models.dvc")

    assert pushed.returncode == 0, pushed.stderr
    assert pulled.returncode == 0, pulled.stderr
    for folder in sorted((here / "models").iterdir()):
        assert digest(there / "models" / folder.name) == digest(folder)
