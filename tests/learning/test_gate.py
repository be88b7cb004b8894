"""The gate's judgement: floors, the champion, the baseline, and how sure the difference is."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from tests.learning import drawings
from training.photos.held_out import HeldOutPhoto
from training.registry import gate
from training.registry.comparison import Answers, Comparison, compare
from training.registry.gate import Measured, reasons_against

RULES = gate.read_rules(Path(__file__).parents[2] / "params.yaml")
GOOD = Measured("", 100, 0.9, 0.02, 0.0, champion=None, new=(), dropped=(), baseline=None)


def test_a_version_that_knows_less_than_the_ridge_baseline_is_refused():
    behind = dataclasses.replace(GOOD, accuracy=0.8, new=("sphere",), baseline=0.9)
    assert [reason for reason in against(behind) if "the ridge baseline, 0.900" in reason]
    assert against(dataclasses.replace(behind, accuracy=0.89)) == []
    assert against(dataclasses.replace(behind, new=())) == []


def test_the_floors_hold_whatever_the_champion_does():
    assert against(GOOD) == []
    assert "under the floor of 0.5" in against(dataclasses.replace(GOOD, accuracy=0.49))[0]
    assert "calibration error of its answers is 0.110" in against(dataclasses.replace(GOOD, ece=0.11))[0]
    assert "knows none of the labels" in against(dataclasses.replace(GOOD, photos=0))[0]


def test_a_small_loss_passes_unless_chance_does_not_explain_it():
    lost = Comparison(3, 600, 0.89, difference=-0.015, interval=(-0.03, 0.001), worse=0.1)
    assert against(dataclasses.replace(GOOD, champion=lost)) == []
    surely = dataclasses.replace(lost, interval=(-0.026, -0.006))
    assert "not by chance" in against(dataclasses.replace(GOOD, champion=surely))[0]
    likely_more = dataclasses.replace(surely, worse=0.4)
    (reason,) = against(dataclasses.replace(GOOD, champion=likely_more))
    assert "loses more than 0.02" in reason


def against(measured):
    return reasons_against(measured, RULES, dropping_is_meant=False)


def test_the_bootstrap_draws_whole_groups():
    """A hundred photos of two senders are two opinions, not a hundred."""
    ours, theirs = ["a"] * 50 + ["b"] * 50, ["b"] * 50 + ["b"] * 50
    by_photo, by_sender = (
        compared(ours, theirs, [str(index // size) for index in range(100)]) for size in (1, 50)
    )
    assert by_photo.difference == by_sender.difference == 0.5
    assert by_photo.interval[0] > 0.35
    assert by_sender.interval == (0.0, 1.0)


def test_only_labels_that_both_know_are_compared():
    one = compared(["a", "c"], ["a", "a"], ["1", "2"], truth=["a", "c"], champion_knows={"a"})
    assert (one.labels, one.photos, one.difference) == (1, 1, 0.0)
    assert compared(["c"], ["a"], ["1"], truth=["c"], champion_knows={"a"}) is None


def compared(ours, theirs, groups, truth=None, champion_knows=frozenset("abc")):
    truth = truth or ["a"] * 50 + ["b"] * 50
    photos = [HeldOutPhoto(Path(), label, group) for label, group in zip(truth, groups, strict=True)]
    sure = np.ones(len(ours))
    return compare(
        Answers(tuple(ours), sure, frozenset("abc")),
        Answers(tuple(theirs), sure, frozenset(champion_knows)),
        photos, margin=0.02, resamples=500, seed=1,
    )  # fmt: skip


def test_a_first_trained_model_may_follow_the_starter(starter):
    """The starter knows ImageNet's shop labels; whatever else it lacks is measured against the baseline."""
    known = {label["name"] for label in json.loads((starter / "model.json").read_text())["labels"]}
    trained = dataclasses.replace(GOOD, new=tuple({"headphones"} - known))
    assert trained.new
    assert against(dataclasses.replace(trained, baseline=0.86)) == []


@pytest.mark.photos
def test_of_two_bundles_the_one_that_knows_real_photos_better_passes(starter, photos, tmp_path):
    """The released bundle against a copy that takes shoes for T-shirts, on validation photos."""
    confused = drawings.vary(
        starter, tmp_path / "confused", {"shoes": "t-shirt", "t-shirt": "shoes"}, temperature=1.0
    )
    split = drawings.held_out(photos / "validation", ("hat", "dress", "skirt", "t-shirt", "shoes"), each=12)
    rules = dataclasses.replace(RULES, ece=0.3, accuracy=0.2)
    worse = gate.measure(confused, starter, split, None, rules)
    better = gate.measure(starter, confused, split, None, rules)
    assert [reason for reason in reasons_against(worse, rules, dropping_is_meant=False) if "worse" in reason]
    assert reasons_against(better, rules, dropping_is_meant=False) == []
