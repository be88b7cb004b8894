"""The flow `retrain`: a small pipeline, run as Prefect runs it, up to the API that answers with its model."""

import json
import shutil
from pathlib import Path

import httpx
import psutil
import pytest

from tests import platforms
from tests.learning import drawings

ROOT = Path(__file__).resolve().parents[2]
RELEASED = ROOT / "models" / "shop"
PIPELINE = """
stages:
  evaluate:
    cmd: {evaluate}
    deps: [candidate]
    outs: [outputs/evaluate]
  register:
    cmd: python -m training.register --evaluated outputs/evaluate
    deps: [outputs/evaluate]
    always_changed: true
"""
COPY = "mkdir -p outputs/evaluate && cp -r candidate outputs/evaluate/bundle && echo candidate copied"
ENDED = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    """The API, a registry, Prefect, and the worker of the pool `batch`."""
    home = tmp_path_factory.mktemp("retraining") / "home"
    try:
        yield platforms.up(home, "--only", "api,starter,batch")
    finally:
        platforms.down(home)


@pytest.fixture(scope="module")
def better(tmp_path_factory):
    """A bundle of the released labels that is right and sure about the drawings."""
    return drawings.vary(RELEASED, tmp_path_factory.mktemp("better") / "bundle", {})


@pytest.fixture(scope="module")
def prepared(better, tmp_path_factory):
    return drawings.prepare(tmp_path_factory.mktemp("prepared") / "prepare", better)


@pytest.fixture
def pipeline(tmp_path, prepared):
    """A folder with a small pipeline that registers a candidate."""
    folder = tmp_path / "checkout"
    for package in ("training", "imagineai_vision"):
        shutil.copytree(ROOT / package, folder / package)
    shutil.copy(ROOT / "params.yaml", folder)
    shutil.copytree(prepared, folder / "outputs" / "prepare")
    (folder / ".dvc").mkdir()
    (folder / ".dvc" / "config").write_text("[core]\n    no_scm = True\n")

    def make(candidate, evaluate=COPY):
        shutil.copytree(candidate, folder / "candidate", dirs_exist_ok=True)
        (folder / "dvc.yaml").write_text(PIPELINE.format(evaluate=json.dumps(evaluate)))
        return folder

    return make


@pytest.fixture(scope="module")
def prefect(platform):
    with httpx.Client(base_url=platform.env["PREFECT_API_URL"], timeout=30) as client:
        yield Runs(client)


class Runs:
    """Runs of the deployment, by way of Prefect's API."""

    def __init__(self, client):
        self._client = client

    def start(self, folder, **parameters):
        deployment = self._ask("GET", "/deployments/name/retrain/batch")
        body = {"parameters": {"pipeline": str(folder), **parameters}}
        return self._ask("POST", f"/deployments/{deployment['id']}/create_flow_run", json=body)["id"]

    def state(self, run):
        return self._ask("GET", f"/flow_runs/{run}")["state"]

    def ended(self, run):
        platforms.until(lambda: self.state(run)["type"] in ENDED, "the end of the run", 180)
        return self.state(run)

    def tasks(self, run):
        """The names of its tasks in their order, and how each ended."""
        body = {"flow_runs": {"id": {"any_": [run]}}, "sort": "EXPECTED_START_TIME_ASC"}
        return [
            (task["name"], task["state"]["type"])
            for task in self._ask("POST", "/task_runs/filter", json=body)
        ]

    def log(self, run):
        body = {"logs": {"flow_run_id": {"any_": [run]}}}
        return "\n".join(line["message"] for line in self._ask("POST", "/logs/filter", json=body))

    def says(self, run, text):
        """Wait for a line of its log, which Prefect takes in somewhat later than the state."""
        platforms.until(lambda: text in self.log(run), f"the log says {text!r}")

    def cancel(self, run):
        body = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
        self._ask("POST", f"/flow_runs/{run}/set_state", json=body)

    def _ask(self, method, path, **arguments):
        answer = self._client.request(method, path, **arguments)
        assert answer.is_success, answer.text
        return answer.json()


@pytest.fixture
def champion(platform):
    """Ask the registry for the champion's version."""
    address = f"{platform.env['MLFLOW_TRACKING_URI']}/api/2.0/mlflow/registered-models/alias"

    def champion():
        answer = httpx.get(address, params={"name": "imagineai", "alias": "champion"}, timeout=30)
        return answer.json()["model_version"]["version"]

    return champion


def serving(platform):
    secret = {"X-Inference-Secret": platform.env["INFERENCE_SECRET"]}
    answer = httpx.get(f"{platform.env['INFERENCE_URL']}/serving", headers=secret, timeout=30)
    return answer.json()["model_version"]


def test_what_passes_waits_for_a_person_where_that_is_asked(prefect, pipeline, better, champion):
    run = prefect.start(pipeline(better), manual_approval=True)
    assert prefect.ended(run)["type"] == "COMPLETED", prefect.log(run)
    prefect.says(run, "It passes the gate, and waits to be promoted.")
    assert champion() == "1"


def test_what_passes_is_promoted_and_served_and_each_stage_is_shown(
    prefect, pipeline, better, champion, platform
):
    run = prefect.start(pipeline(better))
    assert prefect.ended(run)["type"] == "COMPLETED", prefect.log(run)
    assert prefect.tasks(run) == [(name, "COMPLETED") for name in ("evaluate", "register", "gate")]
    prefect.says(run, "candidate copied")
    prefect.says(run, "It is promoted.")
    assert champion() == "2"
    platforms.until(lambda: serving(platform) == "2", "version 2 is served")


def test_with_nothing_new_nothing_is_promoted(prefect, pipeline, better, champion):
    before = champion()
    run = prefect.start(pipeline(better))
    assert prefect.ended(run)["type"] == "COMPLETED", prefect.log(run)
    prefect.says(run, "No version of imagineai waits to be promoted.")
    assert champion() == before == "2"


def test_what_is_worse_is_refused_and_the_run_says_why(prefect, pipeline, champion, tmp_path):
    worse = drawings.vary(RELEASED, tmp_path / "worse", {"ball": "envelope", "envelope": "ball"})
    run = prefect.start(pipeline(worse))
    assert prefect.ended(run)["type"] == "COMPLETED", prefect.log(run)
    prefect.says(run, "It may be worse than the champion")
    assert champion() == "2"


def test_a_stage_that_fails_fails_the_run_in_its_own_words(prefect, pipeline, better):
    run = prefect.start(
        pipeline(better, "echo No photos in $IMAGINEAI_PHOTOS. && false"),
        sources={"IMAGINEAI_PHOTOS": "/nowhere"},
    )
    state = prefect.ended(run)
    assert state["type"] == "FAILED"
    assert "No photos in /nowhere." in state["message"]
    assert prefect.tasks(run) == [("evaluate", "FAILED")]


def test_a_cancelled_run_ends_its_command_with_all_that_it_started(prefect, pipeline, better):
    folder = pipeline(better, "sh -c 'echo $$ > pid.new && mv pid.new pid && sleep 1000'")
    run = prefect.start(folder)
    platforms.until((folder / "pid").exists, "the stage runs", 120)
    stage = psutil.Process(int((folder / "pid").read_text()))
    prefect.cancel(run)
    assert prefect.ended(run)["type"] == "CANCELLED", prefect.log(run)
    platforms.until(lambda: not stage.is_running(), "the end of the stage")
