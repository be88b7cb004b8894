"""The stage `register`: what was evaluated becomes challenger, with its lineage, whole or not at all."""

import shutil
import uuid

import pytest

from tests.learning.commands import aliases, command, tags
from training import register, rollback
from training.photos.held_out import read_test_split
from training.registry import promotion
from training.registry.promotion import Wish

# MLflow warns of its own deprecations and of type hints that it reads all the same.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def evaluated(bundles, tmp_path):
    """What the stage `evaluate` leaves behind."""
    shutil.copytree(bundles["good"], tmp_path / "evaluate" / "bundle")
    (tmp_path / "evaluate" / "plots").mkdir()
    (tmp_path / "evaluate" / "plots" / "confusion.csv").write_text("actual,predicted\n")
    (tmp_path / "evaluate" / "metrics.json").write_text(
        '{"accuracy": 0.9, "labels": {"t-shirt": {"served": 0.8}}}'
    )
    return tmp_path / "evaluate"


def test_what_was_evaluated_becomes_challenger_with_its_lineage_and_reports(
    client, registry, prepared, evaluated
):
    name = f"evaluated-{uuid.uuid4().hex[:8]}"
    for _ in range(2):
        done = command("training.register", name, "--evaluated", evaluated, "--prepared", prepared)
        assert (done.returncode, done.stderr) == (0, "")
    assert aliases(client, name) == {"challenger": "1"}
    (version,) = client.search_model_versions(f"name = '{name}'")
    assert {"bundle.sha256", "git.commit", "data.sha256", "registration"} <= version.tags.keys()
    assert version.tags["test_split.sha256"] == read_test_split(prepared).sha256
    run = client.get_run(version.run_id)
    assert run.data.metrics == {"accuracy": 0.9, "labels.t-shirt.served": 0.8}
    reports = [
        file.path
        for folder in ("evaluation", "data")
        for file in client.list_artifacts(version.run_id, folder)
    ]
    assert reports == ["evaluation/metrics.json", "evaluation/plots", "data/photos.csv"]


def test_a_registration_cut_short_becomes_challenger_at_the_next(client, prepared, evaluated):
    name = f"cut-{uuid.uuid4().hex[:8]}"
    register.register_evaluated(evaluated, prepared, name)
    client.delete_registered_model_alias(name, "challenger")
    client.delete_model_version_tag(name, "1", "registration")
    assert not register.register_evaluated(evaluated, prepared, name).is_new
    assert aliases(client, name) == {"challenger": "1"}
    assert tags(client, name, "1")["registration"] == "complete"


def test_the_champion_is_not_its_own_challenger(client, prepared, evaluated):
    name = f"own-{uuid.uuid4().hex[:8]}"
    register.register_starter(evaluated / "bundle", name)
    assert register.register_evaluated(evaluated, prepared, name).version == "1"
    assert aliases(client, name) == {"champion": "1"}


def test_a_version_that_was_rolled_back_comes_back_only_by_its_number(client, prepared, evaluated, starter):
    name = f"left-{uuid.uuid4().hex[:8]}"
    again = ("training.register", name, "--evaluated", evaluated, "--prepared", prepared)
    register.register_starter(starter, name)
    register.register_evaluated(evaluated, prepared, name)
    wish = {"prepared": prepared, "evaluated": evaluated / "nothing", "force": True}
    promotion.promote(Wish(None, **wish), name)
    rollback.roll_back(name)

    done = command(*again)
    assert (done.returncode, done.stderr) == (0, "")
    assert "It was rolled back: `make promote VERSION=2` alone promotes it again." in done.stdout
    waiting = command("training.promote", name, "--if-any", "--prepared", prepared)
    assert (waiting.returncode, waiting.stdout) == (0, f"No version of {name} waits to be promoted.\n")
    assert aliases(client, name) == {"champion": "1"}
    assert "promotion.rolled_back" in tags(client, name, "2")

    promotion.promote(Wish("2", **wish), name)
    assert aliases(client, name) == {"champion": "2"}
    assert "promotion.rolled_back" not in tags(client, name, "2")


def test_without_mlflow_the_stage_ends_well_and_says_so(prepared, evaluated):
    done = command(
        "training.register", "x", "--evaluated", evaluated, "--prepared", prepared, MLFLOW_TRACKING_URI=""
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "MLFLOW_TRACKING_URI is not set: the bundle is made, but not registered.\n"


def test_a_stage_without_mlflow_in_reach_registers_nothing(prepared, evaluated):
    done = command(
        "training.register", "x", "--evaluated", evaluated, "--prepared", prepared,
        MLFLOW_TRACKING_URI="http://127.0.0.1:9",
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Nothing was registered: MLflow at http://127.0.0.1:9 cannot be reached.\n"
