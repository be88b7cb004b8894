"""The figures of the model card, measured on real photos that no number was fitted to."""

import csv
from importlib.resources import files
from pathlib import Path

import pytest

from imagineai_vision.color import colors
from imagineai_vision.engine import Engine
from imagineai_vision.picture import read

pytestmark = pytest.mark.photos


@pytest.fixture(scope="module")
def answers(starter, photos):
    """Label of the photo, its true category and the prediction, for the 341 validation photos."""
    rows = csv.DictReader(files("imagineai_vision").joinpath("taxonomy.csv").read_text().splitlines())
    categories = {row["shop_label"]: row["category"] for row in rows}
    engine = Engine.open(starter, device="cpu")
    return [
        (path.parent.name, categories[path.parent.name], engine.predict(path.read_bytes()))
        for path in sorted((photos / "validation").glob("*/*.jpg"))
    ]


def share(values):
    values = list(values)
    return sum(values) / len(values)


def test_the_category_is_as_often_right_as_the_card_says(answers):
    answered = [(category, found) for _, category, found in answers if found.category != "other"]
    assert share(found.category == category for _, category, found in answers) == pytest.approx(
        0.67, abs=0.01
    )
    assert share(found.category == category for category, found in answered) == pytest.approx(0.89, abs=0.01)
    assert 1 - len(answered) / len(answers) == pytest.approx(0.24, abs=0.01)


def test_the_label_is_as_often_right_and_as_sure_as_the_card_says(answers):
    answered = [(label, found) for label, _, found in answers if found.category != "other"]
    assert share(found.label == label for label, found in answered) == pytest.approx(0.50, abs=0.01)
    assert share(found.confidence for _, found in answered) == pytest.approx(0.64, abs=0.01)


def test_the_main_colour_is_as_often_acceptable_as_the_card_says(photos):
    """``colors_by_eye.csv``: what a person took for an acceptable main colour, 90 photos drawn at random."""
    table = (Path(__file__).parent / "colors_by_eye.csv").read_text()
    rows = list(csv.DictReader(table.splitlines()))
    right = [
        colors(read((photos / "validation" / row["photo"]).read_bytes(), 224))[0].value
        in row["acceptable"].split()
        for row in rows
    ]
    assert share(right) == pytest.approx(0.86, abs=0.015)


def test_no_photo_is_answered_with_more_than_the_starter_knows(answers):
    for _, _, found in answers:
        assert found.defects == ()
        assert {attribute.name for attribute in found.attributes} == {"color"}
