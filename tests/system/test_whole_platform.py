"""The whole platform: each part is killed, then the launcher; a picture analysed before is still there."""

import json
import os
import signal
import urllib.request
import uuid

import httpx
import psutil
import pytest

from imagineai_client.picture import mug
from tests import platforms


@pytest.fixture(scope="module")
def account(platform):
    """The token of somebody with an analysed picture, and that analysis."""
    with httpx.Client(base_url=f"{platform.url}/api/v1", timeout=60) as client:
        who = {"email": f"{uuid.uuid4().hex}@example.com", "password": "a long password"}
        assert client.post("/auth/register", json={**who, "full_name": "Jane Doe"}).status_code == 201
        token = client.post("/auth/login", json=who).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        product = client.post("/products", json={"title": "Mug"}).json()["id"]
        upload = client.post(
            "/uploads/direct",
            files={"file": ("mug.jpg", mug(), "image/jpeg")},
            data={"product_id": product},
        )
        assert upload.status_code == 200, upload.text
        image, job = upload.json()["image_id"], upload.json()["job_id"]
        platforms.until(lambda: client.get(f"/jobs/{job}").json()["status"] == "completed", "the analysis")
        yield client, image, client.get(f"/analysis/{image}").json()


def test_nothing_of_the_platform_listens_but_on_the_loopback_address(platform):
    addresses, ports = map(set, zip(*platforms.listening(platform.home), strict=True))
    first = int(platform.env["IMAGINEAI_PORT_BASE"])
    assert len({port for port in ports if first <= port < first + 20}) >= 8
    assert addresses <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize("part", ["mlflow", "prefect", "api", "interactive", "batch", "jupyter"])
def test_a_killed_part_comes_back(platform, part):
    before = platforms.parts(platform.home)[part]

    os.kill(before["pid"], signal.SIGKILL)

    platforms.until(lambda: not psutil.pid_exists(before["pid"]), f"the end of {part}")
    platforms.until(
        lambda: (
            platforms.parts(platform.home)[part]["restarts"] == before["restarts"] + 1
            and platforms.parts(platform.home)[part]["state"] == "ready"
        ),
        f"{part} ready again",
    )
    platforms.until(lambda: _is_whole(platform), "every check ok")


def test_no_process_of_a_killed_worker_is_left(platform, account):
    worker = psutil.Process(platforms.pid(platform.home, "interactive"))
    platforms.until(lambda: bool(worker.children(recursive=True)), "a shift")
    shifts = worker.children(recursive=True)

    worker.kill()

    platforms.until(lambda: not any(shift.is_running() for shift in shifts), "the end of its shifts")


def test_a_killed_launcher_leaves_nothing_and_the_next_start_has_the_analysis(platform, account):
    client, image, analysis = account
    launcher = json.loads((platform.home / "state.json").read_text())["launcher"]

    os.kill(launcher, signal.SIGKILL)
    platforms.until(lambda: not platforms.processes_of(platform.home), "the end of every process")
    variables = {**platforms.ROOMY, **platforms.given_services()}
    again = platforms.up(platform.home, IMAGINEAI_PORT_BASE=platform.env["IMAGINEAI_PORT_BASE"], **variables)

    assert again.env == platform.env
    assert client.get(f"/analysis/{image}").json() == analysis


def _is_whole(platform):
    try:
        with urllib.request.urlopen(f"{platform.url}/ready", timeout=10) as answer:
            return set(json.load(answer)["checks"].values()) == {"ok"}
    except OSError:
        return False
