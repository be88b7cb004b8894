"""A fresh clone has the starter bundle within seconds, from the repository alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from imagineai_vision.bundle import digest, open_bundle

DVC = (sys.executable, "-m", "dvc")


@pytest.fixture
def clone(repository, tmp_path):
    """A clone of what is committed here, unable to reach anything outside this machine."""
    subprocess.run(["git", "clone", "--quiet", repository, tmp_path / "clone"], check=True)
    return tmp_path / "clone"


def run(clone, *command):
    offline = {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "ALL_PROXY": ""}
    return subprocess.run(
        command, cwd=clone, env=os.environ | offline, capture_output=True, text=True, timeout=120
    )


@pytest.mark.skipif(not (Path(__file__).parents[2] / ".git").exists(), reason="this is no git checkout")
def test_dvc_pull_on_a_fresh_clone_brings_a_good_bundle(clone, starter):
    pulled = run(clone, *DVC, "pull", "--quiet", "models.dvc")
    assert pulled.returncode == 0, pulled.stderr
    assert open_bundle(clone / "models" / "shop").defect_rule is not None
    assert digest(clone / "models" / "starter") == digest(starter)
    assert run(clone, "git", "status", "--porcelain").stdout == ""


@pytest.mark.skipif(not (Path(__file__).parents[2] / ".git").exists(), reason="this is no git checkout")
def test_the_released_bundle_is_what_the_pipeline_made(clone):
    assert run(clone, *DVC, "pull", "--quiet", "models.dvc", "starter").returncode == 0
    assert digest(clone / "outputs" / "starter") == digest(clone / "models" / "starter")
    status = run(clone, *DVC, "status", "starter")
    assert "up to date" in status.stdout, status.stdout


def test_the_released_shop_bundle_was_made_with_the_parameters_that_are_committed(repository):
    card = open_bundle(repository / "models" / "shop").card
    parameters = yaml.safe_load((repository / "params.yaml").read_text())
    elsewhere = {name: parameters["starter"][name] for name in ("other_prior", "threshold")}
    assert card["recipe"] == parameters["train"] | elsewhere
    assert card["defects"]["edge"] == parameters["defects"]["edge"]
    assert card["input"]["size"] == parameters["train"]["served_size"]


def test_the_release_stays_small(repository):
    assert sum(file.stat().st_size for file in (repository / "releases").rglob("*")) < 40_000_000
