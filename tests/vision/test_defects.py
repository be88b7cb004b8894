"""From the defect head's maps to what is told: boxes in the stored picture's pixels, types, severities."""

import numpy as np
import pytest

from imagineai_vision.defects import DefectRule, box_of, inspect, regions
from imagineai_vision.picture import PictureFacts
from imagineai_vision.vocabulary import CONDITIONS, DEFECT_TYPES, SEVERITIES

TYPES = ("scratch", "dent", "stain")
GROUND = -6
"""Logit of all places where nothing is; a region's score is how far it stands above them."""
RULE = DefectRule(TYPES, edge=0.5, threshold=1.0 - GROUND, slope=1.0, offset=-1.0 + GROUND)
FACTS = PictureFacts("image/jpeg", width=1440, height=720)


@pytest.fixture
def rgb():
    return np.full((576, 576, 3), 200, np.uint8)


def maps(*spots, types=TYPES):
    """Maps that stand out in rectangles: (rows, columns, logit, type)."""
    presence, kinds = np.full((144, 144), GROUND, np.float32), np.zeros((len(types), 72, 72), np.float32)
    for rows, columns, logit, kind in spots:
        presence[rows, columns] = logit
        coarse = tuple(slice(part.start // 2, -(-part.stop // 2)) for part in (rows, columns))
        kinds[types.index(kind), *coarse] = 5
    return presence, kinds


def test_a_picture_without_defects_is_new_and_told_of_nothing(rgb):
    found = inspect(rgb, FACTS, *maps(), RULE)
    assert found.defects == ()
    assert found.score < 0.01
    assert [(attribute.name, attribute.value) for attribute in found.attributes] == [("condition", "new")]


def test_a_region_becomes_a_box_in_pixels_of_the_stored_picture(rgb):
    found = inspect(rgb, FACTS, *maps((slice(36, 72), slice(72, 108), 4, "stain")), RULE)
    (defect,) = found.defects
    assert defect.type == "stain"
    for value, expected in zip(
        (defect.box.x, defect.box.y, defect.box.width, defect.box.height), (720, 180, 360, 180), strict=True
    ):
        assert abs(value - expected) <= 20
    assert defect.confidence == pytest.approx(RULE.confidence(4 - GROUND), abs=0.01)
    assert found.score == defect.confidence


def test_a_region_under_the_threshold_is_not_told_but_moves_the_score(rgb):
    clean = inspect(rgb, FACTS, *maps(), RULE)
    found = inspect(rgb, FACTS, *maps((slice(36, 72), slice(72, 108), 0.5, "stain")), RULE)
    assert found.defects == ()
    assert found.score > clean.score
    assert found.attributes[0].value == "like_new"


def test_two_regions_apart_are_two_defects_and_the_surest_comes_first(rgb):
    spots = (slice(10, 30), slice(10, 30), 3, "dent"), (slice(100, 130), slice(90, 130), 5, "scratch")
    found = inspect(rgb, FACTS, *maps(*spots), RULE)
    assert [defect.type for defect in found.defects] == ["scratch", "dent"]
    assert found.defects[0].confidence > found.defects[1].confidence


def test_a_line_with_a_gap_of_two_places_is_one_defect():
    presence, kinds = maps(
        (slice(50, 53), slice(20, 60), 4, "scratch"), (slice(50, 53), slice(62, 100), 4, "scratch")
    )
    sure = [region for region in regions(presence, kinds, 0.5) if region.score > 0 - GROUND]
    assert len(sure) == 1


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 2000), (2000, 3), (640, 480)])
def test_every_box_lies_inside_the_picture(width, height):
    mask = np.zeros((144, 144), bool)
    mask[140:144, 0:144] = True
    box = box_of(mask, width, height)
    assert box.width >= 1
    assert box.height >= 1
    assert 0 <= box.x <= width - box.width
    assert 0 <= box.y <= height - box.height


def test_severity_grows_with_area_and_with_contrast(rgb):
    def severity(rows, columns, level):
        picture = rgb.copy()
        picture[rows.start * 4 : rows.stop * 4, columns.start * 4 : columns.stop * 4] = level
        (defect,) = inspect(picture, FACTS, *maps((rows, columns, 4, "stain")), RULE).defects
        return SEVERITIES.index(defect.severity)

    assert severity(slice(40, 44), slice(40, 44), 190) == 0
    assert severity(slice(20, 120), slice(20, 120), 20) == 2
    assert severity(slice(40, 60), slice(40, 60), 190) <= severity(slice(40, 60), slice(40, 60), 20)


@pytest.mark.parametrize("seed", range(20))
def test_noise_yields_only_values_of_the_contract(rgb, seed):
    rng = np.random.default_rng(seed)
    presence = rng.normal(0, 3, (144, 144)).astype(np.float32)
    types = rng.normal(0, 3, (len(TYPES), 72, 72)).astype(np.float32)
    found = inspect(rgb, FACTS, presence, types, RULE)
    assert found.attributes[0].value in CONDITIONS
    assert len(found.defects) <= 10
    for defect in found.defects:
        assert defect.type in DEFECT_TYPES
        assert defect.severity in SEVERITIES
        assert 0 <= defect.confidence <= 1
        assert defect.description.endswith(".")
