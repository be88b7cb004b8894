"""What the bench compares with, and how: the same network answers there, what is not installed is named."""

import subprocess
import sys

import httpx
import pytest

from bench.bundle import BUNDLE
from bench.measured import Measured
from bench.peers.comparison import against
from bench.peers.process import PYTHON, PeerError, absence, running
from bench.peers.settings import BARE_FASTAPI, BENTOML, LITSERVE, PEERS, Setting
from bench.pictures import jpegs
from bench.report import p99
from bench.serving_report import draw
from imagineai_vision.engine import Engine


@pytest.fixture(scope="module")
def picture():
    return jpegs(1, 400, 300)[0]


@pytest.fixture(scope="module")
def prediction(picture):
    engine = Engine.open(BUNDLE, device="cpu")
    yield engine.predict(picture)
    engine.close()


@pytest.fixture
def nothing_installed(tmp_path, monkeypatch):
    """The peers' Python is one that has no packages."""
    folder = tmp_path / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    monkeypatch.setenv(PYTHON, str(folder / "bin" / "python"))


@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_a_bare_endpoint_answers_what_the_engine_does(backend, picture, prediction, monkeypatch):
    monkeypatch.setenv(PYTHON, sys.executable)

    with running(BARE_FASTAPI, backend, Setting(), picture) as server:
        answer = httpx.post(server.address, files={"file": ("photo.jpg", picture)}, timeout=60)
        busy_s, memory = server.processes.cpu_s(), server.processes.memory_bytes()

    assert answer.json()["label"] == prediction.label
    assert answer.json()["scores"] == pytest.approx(prediction.scores, abs=0.01)
    assert busy_s > 0
    assert memory > 10e6
    assert server.processes.processes() == []


def test_peers_that_are_not_installed_are_named(nothing_installed):
    said = absence(PEERS)

    assert all(peer.name in said for peer in PEERS)
    assert absence([]) == ""


def test_a_peer_that_cannot_start_says_why(nothing_installed, picture):
    with pytest.raises(PeerError, match="No module named"), running(LITSERVE, "onnx", Setting(), picture):
        pass


def test_a_percentile_of_few_values_is_not_beyond_them():
    assert 9 < p99([1, 2, 10]) <= 10
    assert p99(range(101)) == 99


def test_the_service_is_held_against_the_best_server_by_its_share_of_the_raw_loop():
    ours = measured("this service", "onnx", per_s=30, raw=40)
    slow, best = measured(LITSERVE.name, "torch", 10, raw=50), measured(BENTOML.name, "torch", 9, raw=36)
    quick_but_bare = measured(BARE_FASTAPI.name, "torch", 20, raw=40)

    row = against([ours], [slow, best, quick_but_bare], "torch")

    assert row.seen == pytest.approx(3)
    assert row.verdict == "ok"
    assert against([ours], [quick_but_bare], "torch") is None


def test_what_was_measured_is_drawn(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    drawn = draw([measured("this service", "onnx", 30, raw=40), measured(LITSERVE.name, "torch", 10, raw=40)])

    assert drawn.read_bytes().startswith(b"\x89PNG")


def measured(name, backend, per_s, raw):
    figures = {"refused": 0, "p50_ms": 20, "p99_ms": 40, "cpu_ms": 30, "memory_mb": 300}
    return Measured(name, backend, "", "1 connection", per_s, raw_before=raw, raw_after=raw, **figures)
