"""The released bundle, the real photos, and an MLflow server."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from tests.learning import drawings

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def repository():
    return REPOSITORY


@pytest.fixture(scope="session")
def starter():
    folder = REPOSITORY / "models" / "starter"
    if not folder.is_dir():
        pytest.fail("models/starter is not there: `make models` fetches it")
    return folder


@pytest.fixture(scope="session")
def photos():
    """The folder of real photos by split and label."""
    if "IMAGINEAI_PHOTOS" not in os.environ:
        pytest.skip("IMAGINEAI_PHOTOS does not name a folder of real photos")
    return Path(os.environ["IMAGINEAI_PHOTOS"])


@pytest.fixture(scope="package")
def registry(tmp_path_factory):
    """The address of an MLflow server of its own; it ends with its whole process group."""
    folder, port = tmp_path_factory.mktemp("mlflow"), free_port()
    url = f"http://127.0.0.1:{port}"
    server_command = (
        f"{sys.executable} -m mlflow server --host 127.0.0.1 --port {port} --workers 1 "
        f"--backend-store-uri sqlite:///{folder}/mlflow.db --artifacts-destination {folder}/files"
    ).split()
    settings = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "DO_NOT_TRACK": "1"}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            server_command, cwd=folder, env=settings, stdout=log, stderr=log, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 90
        while not is_up(url):
            assert server.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.1)
        yield url
    finally:
        os.killpg(server.pid, 15)
        server.wait(30)


@pytest.fixture
def client(registry, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry)
    mlflow.set_tracking_uri(registry)
    return MlflowClient()


@pytest.fixture(scope="session")
def bundles(starter, tmp_path_factory):
    """Bundles by what the gate should make of them."""
    folder = tmp_path_factory.mktemp("bundles")
    made = {name: drawings.vary(starter, folder / name, names) for name, names in drawings.NAMES.items()}
    return {**made, "unsure": drawings.vary(starter, folder / "unsure", drawings.SHAPE, temperature=1.0)}


@pytest.fixture(scope="session")
def prepared(bundles, tmp_path_factory):
    """Drawings that the good bundle answers without a mistake."""
    return drawings.prepare(tmp_path_factory.mktemp("prepared") / "prepare", bundles["good"])


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_up(url):
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=1) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False
