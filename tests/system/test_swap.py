"""The running API follows the alias under load: no request fails, whatever is promoted or rolled back."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest

from imagineai_vision.bundle import DOCUMENT, GOLDEN, seal
from tests import platforms
from tests.contract.wire import small_photo
from tests.promotion_calls import BODY, signed

ROOT = Path(__file__).resolve().parents[2]
RELEASED = ROOT / "models" / "shop"
CLIENTS = 4
ANSWERS = 50
"""By a version that was promoted, before the next one is."""
NEVER_S = "100000"
"""Between two looks at the alias: what is followed within this test was told by MLflow's webhook."""


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    """The API with a registry; nobody takes its jobs."""
    home = tmp_path_factory.mktemp("swap") / "home"
    try:
        yield platforms.up(home, "--only", "api,starter,prefect", MODEL_POLL_S=NEVER_S)
    finally:
        platforms.down(home)


@pytest.fixture(scope="module")
def service(platform):
    """Calls of the private port and of the registry."""
    return Service(platform)


class Service:
    def __init__(self, platform):
        self._platform, self._env = platform, platform.env
        self.log = platform.home / "logs" / "api.log"
        self._secret = {"X-Inference-Secret": self._env["INFERENCE_SECRET"]}

    def predict(self, http):
        """Ask for a prediction; gives the status and the version that answered."""
        answer = http.post(
            f"{self._env['INFERENCE_URL']}/predict", content=small_photo(), headers=self._secret
        )
        return answer.status_code, answer.json().get("model_version")

    def serving(self):
        answer = httpx.get(f"{self._env['INFERENCE_URL']}/serving", headers=self._secret, timeout=30)
        return answer.json().get("model_version")

    def models(self):
        """What /ready says of the models."""
        return httpx.get(f"{self._platform.url}/ready", timeout=30).json()["checks"]["models"]

    def move_alias(self, version):
        address = f"{self._env['MLFLOW_TRACKING_URI']}/api/2.0/mlflow/registered-models/alias"
        body = {"name": "imagineai", "alias": "champion", "version": version}
        assert httpx.post(address, json=body, timeout=30).status_code == 200

    def promote(self, version):
        self.move_alias(version)
        platforms.until(lambda: self.serving() == version, f"version {version} is served")

    @contextlib.contextmanager
    def mlflow_silent(self):
        """Stop MLflow where it stands: it takes calls and does not answer."""
        server = platforms.pid(self._platform.home, "mlflow")
        os.kill(server, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(server, signal.SIGCONT)

    def tell_promoted(self):
        """Call the private port as MLflow does once an alias moved."""
        headers = signed(self._env["MODEL_WEBHOOK_SECRET"], int(time.time()))
        address = f"{self._env['INFERENCE_URL']}/promoted"
        assert httpx.post(address, content=BODY, headers=headers, timeout=30).status_code == 204

    def register(self, bundle):
        """Register a bundle and give its version."""
        done = subprocess.run(
            [sys.executable, "-m", "training.register", "--bundle", bundle],
            env=os.environ | self._env, cwd=ROOT, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.split(" as version ")[1].split()[0]


@pytest.fixture(scope="module")
def second_version(service, tmp_path_factory):
    """Another good bundle: the released one with another temperature."""
    return service.register(varied(tmp_path_factory.mktemp("second") / "bundle", temperature=1.5))


def varied(folder, **fields):
    shutil.copytree(RELEASED, folder)
    document = json.loads((folder / DOCUMENT).read_text()) | fields
    seal(folder, {key: value for key, value in document.items() if key != "files"})
    return folder


def dishonest(folder):
    """A bundle whose golden outputs are not those of its network."""
    shutil.copytree(RELEASED, folder)
    with np.load(folder / GOLDEN) as golden:
        arrays = dict(golden)
    arrays["label_logits"] = arrays["label_logits"] + 1
    np.savez_compressed(folder / GOLDEN, **arrays)
    document = json.loads((folder / DOCUMENT).read_text())
    seal(folder, {key: value for key, value in document.items() if key != "files"})
    return folder


@contextlib.contextmanager
def load(service):
    """Predict without a pause from several clients; gives the count of each status and version."""
    done, counting, seen = threading.Event(), threading.Lock(), Counter()

    def client():
        with httpx.Client(timeout=60) as http:
            while not done.is_set():
                answer = service.predict(http)
                with counting:
                    seen[answer] += 1

    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(client) for _ in range(CLIENTS)]
        try:
            yield seen
        finally:
            done.set()
    for each in clients:
        each.result()


def test_no_request_fails_while_versions_are_promoted_and_rolled_back(
    service, second_version, record_testsuite_property
):
    promoted = (second_version, "1", second_version, "1")
    with load(service) as seen:
        for version in promoted:
            before = seen[200, version]
            service.promote(version)
            platforms.until(
                lambda version=version, before=before: seen[200, version] >= before + ANSWERS,
                f"answers of version {version}",
            )
    failed = sum(count for (status, _), count in seen.items() if status != 200)
    tally = f"{failed} of {seen.total()} requests failed in {len(promoted)} promotions and rollbacks"
    record_testsuite_property("requests during promotions and rollbacks", tally)
    sys.stdout.write(f"{tally}\n")
    assert set(seen) == {(200, "1"), (200, second_version)}, seen
    assert seen.total() >= len(promoted) * ANSWERS, tally


def test_a_broken_bundle_is_refused_and_the_champion_serves_on(service, tmp_path):
    """Whole, as it was registered, and yet not what it was when it was packed."""
    service.promote("1")
    broken = service.register(dishonest(tmp_path / "bundle"))
    reason = "does not yield its golden outputs here"
    with load(service) as seen:
        service.move_alias(broken)
        platforms.until(lambda: reason in service.models(), f"{reason} in /ready")
        for _ in range(3):
            service.move_alias(broken)
        answered = seen[200, "1"]
        platforms.until(lambda: seen[200, "1"] > answered + 50, "answers of version 1")
    assert set(seen) == {(200, "1")}, seen
    assert service.models().startswith("error: Version 1 serves on: Model version ")
    assert service.log.read_text().count(f"Model version {broken} is not good") == 1
    service.promote("1")
    platforms.until(lambda: service.models() == "ok", "models are ok")


def test_a_move_told_while_mlflow_was_silent_is_followed_once_it_answers(service):
    """No second call and no poll within this test: the service looks again by itself."""
    with service.mlflow_silent():
        service.tell_promoted()
        platforms.until(lambda: "MLflow did not answer" in service.models(), "MLflow's silence in /ready")
    platforms.until(lambda: service.models() == "ok", "models are ok")
