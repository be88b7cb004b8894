"""Promotion and rollback with a real MLflow server: who becomes champion, and what is recorded."""

import uuid
from pathlib import Path

import pytest

from tests.learning import drawings
from tests.learning.commands import aliases, command, tags
from training import register, rollback
from training.photos.held_out import NoTestSplit, read_test_split
from training.registry import promotion
from training.registry.promotion import NotPromoted, Wish

# MLflow warns of its own deprecations and of type hints that it reads all the same.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def logged():
    """The run and source of each bundle that was registered once."""
    return {}


@pytest.fixture
def enrol(client, bundles, logged):
    """Register a bundle as a further version of a model of the test's own; logged once, named many times."""

    def enrol(name, bundle):
        if bundle not in logged:
            register.register(bundles[bundle], f"first-{bundle}")
            (logged[bundle],) = client.search_model_versions(f"name = 'first-{bundle}'")
        first = logged[bundle]
        model_id = first.source.removeprefix("models:/")
        tags = first.tags | {"registration": "complete"}
        made = client.create_model_version(name, first.source, first.run_id, tags=tags, model_id=model_id)
        return str(made.version)

    return enrol


@pytest.fixture
def model(client, enrol):
    """A model whose first version, a good one, is the champion."""

    def model(*bundles):
        name = f"model-{uuid.uuid4().hex[:8]}"
        client.create_registered_model(name)
        for bundle in bundles:
            enrol(name, bundle)
        client.set_registered_model_alias(name, "champion", "1")
        client.set_model_version_tag(name, "1", "gate.outcome", "starter")
        return name

    return model


@pytest.fixture
def promote(prepared, client, tmp_path):
    """Judge a version, and promote it if it may be; gives what was against it."""

    def promote(name, version, **wishes):
        wish = Wish(version, **{"prepared": prepared, "evaluated": tmp_path / "nothing", **wishes})
        return promotion.promote(wish, name).reasons

    return promote


def test_a_better_version_becomes_champion_and_carries_the_report(client, model, prepared):
    name = model("worse", "good")
    client.set_registered_model_alias(name, "challenger", "2")
    done = command("training.promote", name, "--prepared", prepared)
    assert (done.returncode, done.stderr) == (0, "")
    assert "It is promoted." in done.stdout
    assert aliases(client, name) == {"champion": "2"}
    report = tags(client, name, "2")
    assert report["gate.outcome"] == "passed"
    assert report["promotion.previous"] == report["gate.champion"] == "1"
    assert report["gate.test_split.sha256"] == read_test_split(prepared).sha256
    swapped = [photo.label for photo in read_test_split(prepared).photos if photo.label in drawings.SWAPPED]
    ahead = len(swapped) / drawings.COUNT
    assert float(report["gate.difference"]) == pytest.approx(ahead, abs=1e-3)
    low, high = map(float, report["gate.difference_interval"].split())
    assert 0 < low < ahead < high < 1


def test_a_worse_version_is_refused_with_its_reasons(client, model, prepared):
    name = model("good", "worse")
    done = command("training.promote", name, "--version", "2", "--prepared", prepared)
    assert done.returncode == 3
    assert done.stderr.startswith(f"The gate refuses version 2 of {name}:\n- ")
    assert "It may be worse than the champion" in done.stderr
    assert aliases(client, name) == {"champion": "1"}
    report = tags(client, name, "2")
    assert report["gate.outcome"] == "refused"
    assert "difference -0." in report["gate.reasons"]


def test_force_promotes_against_the_gate_and_says_who(client, model, prepared):
    name = model("good", "worse")
    asked = ("--version", "2", "--prepared", prepared, "--force")
    done = command("training.promote", name, *asked, LOGNAME="jane")
    assert done.returncode == 0
    assert "by force, against the gate" in done.stdout
    assert aliases(client, name) == {"champion": "2"}
    report = tags(client, name, "2")
    assert report["gate.outcome"] == "forced"
    assert report["gate.forced_by"].startswith("jane on ")
    assert "It may be worse" in report["gate.reasons"]


def test_an_equal_version_passes(model, promote):
    assert promote(model("good", "good"), "2") == ()


def test_judging_alone_leaves_the_champion(client, model, promote):
    name = model("worse", "good")
    assert promote(name, "2", only_judge=True) == ()
    assert aliases(client, name) == {"champion": "1"}
    assert tags(client, name, "2")["gate.outcome"] == "passed"


def test_labels_go_only_where_that_is_confirmed(client, model, promote):
    name = model("good", "dropping")
    listed = "It no longer knows 1 label of the champion, which CONFIRM=1 would let go: abaya."
    assert promote(name, "2") == (listed,)
    assert promote(name, "2", dropping_is_meant=True) == ()
    report = tags(client, name, "2")
    assert (report["gate.dropped_labels"], report["gate.dropping_confirmed"]) == ("abaya", "true")


def test_labels_that_are_new_are_measured_against_the_ridge_baseline(
    client, model, promote, bundles, tmp_path
):
    name = model("good", "renaming")
    spheres = drawings.prepare(tmp_path / "prepare", bundles["good"], {"ball": "sphere"})
    (without,) = promote(name, "2", prepared=spheres, dropping_is_meant=True)
    assert "nobody measured the ridge baseline" in without
    (tmp_path / "metrics.json").write_text('{"ridge_accuracy": 0.86}')
    assert promote(name, "2", prepared=spheres, dropping_is_meant=True, evaluated=tmp_path) == ()
    report = tags(client, name, "2")
    assert (report["gate.new_labels"], report["gate.baseline_accuracy"]) == ("sphere", "0.8600")


def test_a_version_that_is_not_honestly_sure_is_refused(model, promote):
    reasons = promote(model("good", "unsure"), "2")
    assert [reason for reason in reasons if reason.startswith("The calibration error of its answers is ")]


def test_a_version_that_may_have_seen_the_photos_is_refused(client, model, promote):
    name = model("good", "good")
    client.set_model_version_tag(name, "2", "test_split.sha256", "another")
    (reason,) = promote(name, "2")
    assert "It was trained beside another test split" in reason


@pytest.mark.parametrize(
    ("learned", "says"), [(20, ""), (drawings.COUNT, "Nothing compares it with the champion")]
)
def test_photos_that_the_champion_learned_compare_nothing(client, model, promote, learned, says):
    name = model("good", "worse")
    first = client.get_model_version(name, "1")
    client.set_model_version_tag(name, "1", "test_split.sha256", "another")
    lines = [f"{seed}.png,{'train' if seed < learned else 'test'}" for seed in range(drawings.COUNT)]
    client.log_text(first.run_id, "\n".join(["photo,split", *lines]), "data/photos.csv")
    promote(name, "2", force=True)
    report = tags(client, name, "2")
    assert report["gate.photos_left_out"] == str(learned)
    assert report.get("gate.shared_photos", "0") == str(drawings.COUNT - learned)
    assert says in report["gate.reasons"]


def test_without_a_champion_the_floors_and_the_baseline_decide(client, model, promote, tmp_path):
    name = model("good")
    client.delete_registered_model_alias(name, "champion")
    (tmp_path / "metrics.json").write_text('{"ridge_accuracy": 0.5}')
    assert promote(name, "1", evaluated=tmp_path) == ()
    assert aliases(client, name) == {"champion": "1"}


def test_a_rollback_goes_to_the_newest_earlier_version_that_passed(client, model, promote):
    name = model("good", "good", "worse", "good")
    assert promote(name, "2") == ()
    assert promote(name, "3", force=True) != ()
    assert promote(name, "4") == ()
    done = command("training.rollback", name)
    assert (done.returncode, done.stdout) == (
        0,
        f"Version 2 of {name} is the champion again, instead of version 4.\n",
    )
    assert aliases(client, name) == {"champion": "2"}
    assert tags(client, name, "4")["promotion.rolled_back"].startswith("to version 2 by ")
    assert rollback.roll_back(name) == ("2", "1")
    again = command("training.rollback", name)
    assert (again.returncode, again.stderr) == (
        1,
        f"Nothing was rolled back: No version of {name} before 1 has passed the gate.\n",
    )


def test_what_is_rolled_back_waits_for_no_promotion(client, model, promote):
    name = model("good", "good")
    assert promote(name, "2") == ()
    client.set_registered_model_alias(name, "challenger", "2")
    rollback.roll_back(name)
    assert aliases(client, name) == {"champion": "1"}


def test_a_rollback_skips_what_was_rolled_back_before(model, promote):
    name = model("good", "good", "good")
    promote(name, "2")
    rollback.roll_back(name)
    assert promote(name, "3") == ()
    assert rollback.roll_back(name) == ("3", "1")


@pytest.mark.parametrize(
    ("version", "wishes", "sentence"),
    [
        (None, {}, "No version of {name} carries the alias challenger; `make train` makes one."),
        ("7", {}, "{name} has no version 7."),
        ("1", {}, "Version 1 of {name} is the champion already."),
        ("3", {}, "Version 3 was not registered completely; register it again."),
        (
            "2",
            {"prepared": Path("nowhere")},
            "nowhere/photos.csv cannot be read as prepared photos; run `dvc repro prepare`.",
        ),
        ("2", {"params": Path("dvc.yaml")}, "The section gate of dvc.yaml is missing or malformed: 'gate'."),
    ],
)
def test_what_cannot_be_judged_is_said_in_a_sentence(client, crowded, promote, version, wishes, sentence):
    with pytest.raises((NotPromoted, NoTestSplit, ValueError)) as refused:
        promote(crowded, version, **wishes)
    assert str(refused.value) == sentence.format(name=crowded)
    assert aliases(client, crowded) == {"champion": "1"}


def test_a_bundle_that_is_not_the_registered_one_is_refused_whatever_is_asked(client, crowded, prepared):
    done = command("training.promote", crowded, "--version", "4", "--prepared", prepared, "--force")
    reason = "The bundle of version 4 is not the one that was registered."
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"The gate refuses this version of {crowded}:\n- {reason}\n"
    report = tags(client, crowded, "4")
    assert (report["gate.outcome"], report["gate.reasons"]) == ("refused", reason)
    assert aliases(client, crowded) == {"champion": "1"}


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("", "MLFLOW_TRACKING_URI is not set."),
        ("http://127.0.0.1:9", "MLflow at http://127.0.0.1:9 cannot be reached."),
    ],
)
@pytest.mark.parametrize(("verb", "nothing"), [("promote", "promoted"), ("rollback", "rolled back")])
def test_without_mlflow_it_is_one_sentence_and_exit_code_one(verb, nothing, address, sentence):
    done = command(f"training.{verb}", "x", MLFLOW_TRACKING_URI=address)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Nothing was {nothing}: {sentence}\n"


def test_that_nothing_waits_is_no_failure_where_nobody_insists(model):
    done = command("training.promote", model("good"), "--if-any")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def crowded(client, model):
    """A model with a champion, a good version, one half registered and one whose bundle is another."""
    name = model("good", "good", "good", "good")
    client.delete_model_version_tag(name, "3", "registration")
    client.set_model_version_tag(name, "4", "bundle.sha256", "another")
    return name
