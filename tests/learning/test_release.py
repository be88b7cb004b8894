"""A fresh clone has the starter bundle within seconds, from the repository alone."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
    open_bundle(clone / "models" / "starter")
    assert digest(clone / "models" / "starter") == digest(starter)
    assert run(clone, "git", "status", "--porcelain").stdout == ""


@pytest.mark.skipif(not (Path(__file__).parents[2] / ".git").exists(), reason="this is no git checkout")
def test_the_released_bundle_is_what_the_pipeline_made(clone):
    assert run(clone, *DVC, "pull", "--quiet", "models.dvc", "starter").returncode == 0
    assert digest(clone / "outputs" / "starter") == digest(clone / "models" / "starter")
    status = run(clone, *DVC, "status", "starter")
    assert "up to date" in status.stdout, status.stdout


def test_the_release_stays_small(repository):
    assert sum(file.stat().st_size for file in (repository / "releases").rglob("*")) < 40_000_000


@pytest.mark.skipif(not (Path(__file__).parents[2] / ".git").exists(), reason="this is no git checkout")
def test_what_is_pushed_to_the_platforms_s3_is_pulled_by_a_clone_without_the_release(
    clone, repository, platform, tmp_path, monkeypatch
):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, platform.env[name])
    other = tmp_path / "other"
    subprocess.run(["git", "clone", "--quiet", repository, other], check=True)
    shutil.rmtree(other / "releases")
    for folder in (clone, other):
        url = f"s3://imagineai-dvc/{tmp_path.name}"
        assert run(folder, *DVC, "remote", "add", "--local", "team", url).returncode == 0
        endpoint = ("endpointurl", platform.env["S3_ENDPOINT_URL"])
        assert run(folder, *DVC, "remote", "modify", "--local", "team", *endpoint).returncode == 0
    assert run(clone, *DVC, "pull", "--quiet", "models.dvc").returncode == 0
    assert run(other, *DVC, "pull", "--quiet", "models.dvc").returncode != 0

    pushed = run(clone, *DVC, "push", "--remote", "team", "models.dvc")
    assert pushed.returncode == 0, pushed.stderr
    pulled = run(other, *DVC, "pull", "--remote", "team", "models.dvc")

    assert pulled.returncode == 0, pulled.stderr
    assert digest(other / "models" / "starter") == digest(clone / "models" / "starter")
