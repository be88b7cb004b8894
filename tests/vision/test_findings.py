"""Findings travel as JSON; vocabularies are those of the contract."""

import json

import pytest

from imagineai_vision import vocabulary
from imagineai_vision.findings import Attribute, Box, Defect, Prediction

PREDICTION = Prediction(
    label="mug",
    confidence=0.75,
    scores={"mug": 0.75, "other": 0.25},
    category="home_garden",
    subcategory="kitchen",
    attributes=(Attribute("color", "blue", 0.9),),
    defects=(Defect("crack", "high", 0.8, Box(1, 2, 30, 40), "A crack."),),
    defect_score=0.8,
    durations_ms={"decode": 1.5},
)


def test_a_prediction_survives_json():
    assert Prediction.from_dict(json.loads(json.dumps(PREDICTION.as_dict()))) == PREDICTION


def test_a_missing_or_unknown_field_is_not_overlooked():
    values = PREDICTION.as_dict()
    with pytest.raises(TypeError):
        Prediction.from_dict({**values, "extra": 1})
    del values["label"]
    with pytest.raises(TypeError):
        Prediction.from_dict(values)


def test_a_prediction_cannot_be_changed():
    with pytest.raises(AttributeError):
        PREDICTION.label = "cup"


def test_there_are_eleven_categories_thirteen_colours_and_five_steps():
    assert len(set(vocabulary.CATEGORIES)) == 11
    assert len(set(vocabulary.COLORS)) == 13
    assert vocabulary.STEPS == (
        "preprocess", "classify", "extract_attributes", "detect_defects", "generate_description",
    )  # fmt: skip
    assert vocabulary.SEVERITIES == ("low", "medium", "high")
