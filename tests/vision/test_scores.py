"""The rules that the contract sets for a label and its scores."""

import json

import numpy as np
import pytest

from imagineai_vision.classification import TOP_LABELS, Label, label_scores


def labels(count, threshold=0.0):
    named = [Label(f"label {n}", "toys", "games", threshold) for n in range(count - 1)]
    return [*named[: count // 2], Label("other", "other", "not_a_product", 0.0), *named[count // 2 :]]


def logits(**probabilities):
    """Logits of four labels a, b, c and other."""
    row = [probabilities.get(name, 1e-12) for name in ("a", "b", "c", "other")]
    return np.log(np.array(row, np.float32))


def four(threshold=0.0):
    return [
        *(Label(name, "toys", "games", threshold) for name in "abc"),
        Label("other", "other", "none", 0.0),
    ]


@pytest.mark.parametrize("threshold", [0.0, 0.02, 0.2, 0.6])
@pytest.mark.parametrize("sharpness", [0.0, 1.0, 4.0, 30.0])
@pytest.mark.parametrize("count", [2, 11, 12, 300])
def test_the_rules_hold_for_any_logits(threshold, sharpness, count):
    random = np.random.default_rng(count)
    known = labels(count, threshold)
    for _ in range(50):
        row = (random.normal(size=count) * sharpness).astype(np.float32)
        label, scores = label_scores(row, known, 1.0)
        assert sum(scores.values()) == pytest.approx(1, abs=1e-9)
        assert len(scores) <= TOP_LABELS + 1
        assert min(scores.values()) >= 0
        assert [name for name, score in scores.items() if score == max(scores.values())] == [label.name]


def test_a_tie_has_one_winner_in_any_order_of_keys():
    label, scores = label_scores(logits(a=0.5, b=0.5), four(), 1.0)
    assert label.name == "a"
    assert scores["a"] > scores["b"]
    assert max(sorted(scores), key=lambda name: scores[name]) == "a"


def test_a_label_under_its_threshold_gives_its_mass_to_other():
    label, scores = label_scores(logits(a=0.45, b=0.15, c=0.1, other=0.3), four(threshold=0.2), 1.0)
    assert scores == pytest.approx({"a": 0.45, "other": 0.55}, abs=1e-5)
    assert label.name == "other"


def test_what_lies_beyond_ten_labels_is_under_other():
    known = labels(30)
    row = np.log(np.array([0.0005 if label.name == "other" else 1.0 for label in known], np.float32))
    label, scores = label_scores(row, known, 1.0)
    assert label.name == "other"
    assert scores["other"] == pytest.approx(19 / 29, abs=1e-3)
    assert len(scores) == 11


def test_a_higher_temperature_makes_it_less_sure():
    row = logits(a=0.9, b=0.1)
    assert (
        label_scores(row, four(), 2.0)[1]["a"] < label_scores(row, four(), 1.0)[1]["a"] == pytest.approx(0.9)
    )


def test_scores_read_back_from_json_are_the_same():
    _, scores = label_scores(logits(a=1 / 3, b=1 / 3, c=1 / 3), four(), 1.0)
    assert json.loads(json.dumps(scores)) == scores


@pytest.mark.parametrize("row", [[0.0, 1.0], [0.0, 1.0, np.nan, 0.0], [0.0, np.inf, 0.0, 0.0]])
def test_logits_that_are_not_one_finite_number_a_label_are_refused(row):
    with pytest.raises(ValueError, match="4 finite numbers"):
        label_scores(np.array(row, np.float32), four(), 1.0)
