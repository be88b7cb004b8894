"""Painted defects: where they say they are, of the type they say, and the same for the same seed."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from imagineai_vision.defects import box_of
from imagineai_vision.findings import Box
from imagineai_vision.vocabulary import DEFECT_TYPES
from training.defects.examples import NO_TYPE, examples
from training.defects.kinds import KINDS, Style
from training.defects.measure import overlap
from training.defects.painting import paint, product_mask


@pytest.fixture(scope="module")
def good():
    """A red disc on a pale ground, with some grain, as an array."""
    image = Image.new("RGB", (300, 256), (225, 222, 215))
    ImageDraw.Draw(image).ellipse((50, 30, 250, 230), fill=(170, 40, 50))
    grain = np.random.default_rng(0).normal(0, 3, (256, 300, 1))
    return np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def photos(good, tmp_path_factory):
    path = tmp_path_factory.mktemp("photos") / "disc.png"
    Image.fromarray(good).save(path)
    return [path]


def test_all_seven_types_that_have_a_name_are_painted():
    assert set(KINDS) == set(DEFECT_TYPES) - {"other"}


def test_the_product_is_told_from_its_ground(good):
    product = product_mask(good)
    assert product[130, 150]
    assert not product[5, 5]
    assert product.mean() == pytest.approx(np.pi * 100**2 / (256 * 300), rel=0.15)


def test_a_picture_that_the_product_fills_is_product_everywhere():
    grain = np.random.default_rng(0).normal(120, 6, (200, 200, 3)) + np.linspace(-15, 15, 200)[:, None]
    assert product_mask(grain.astype(np.uint8)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_defect_changes_the_product_and_nothing_else(good, kind):
    product = product_mask(good)
    for seed in range(5):
        painted, (defect,) = paint(good, product, [kind], Style(), np.random.default_rng(seed))
        changed = (painted.astype(int) - good != 0).any(axis=2)
        assert not changed[~product].any()
        assert changed[defect.mask].mean() > 0.8
        rows, columns = np.nonzero(defect.mask)
        assert (defect.box.x, defect.box.y) == (columns.min(), rows.min())
        assert (defect.box.width, defect.box.height) == (np.ptp(columns) + 1, np.ptp(rows) + 1)
        assert defect.contrast >= 0.45 * Style().contrast[0]


def test_the_same_seed_paints_the_same_examples_and_another_one_others(photos):
    first, again, other = (
        [example.rgb for example in examples(photos, 6, list(KINDS), Style(), 288, seed)]
        for seed in (1, 1, 2)
    )
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))
    assert not all(np.array_equal(one, two) for one, two in zip(first, other, strict=True))


def test_the_maps_to_learn_lie_where_the_defects_are(photos):
    kinds = list(KINDS)
    seen = [e for e in examples(photos, 24, kinds, Style(), 288, 3) if len(e.painted) == 1]
    assert seen
    for example in seen:
        height, width = example.shape
        (defect,) = example.painted
        assert overlap(box_of(example.presence == 1, width, height), defect.box) > 0.3
        assert set(np.unique(example.types)) == {kinds.index(defect.kind), NO_TYPE}


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        (Box(0, 0, 10, 10), Box(0, 0, 10, 10), 1.0),
        (Box(0, 0, 10, 10), Box(5, 0, 10, 10), 1 / 3),
        (Box(0, 0, 10, 10), Box(10, 0, 10, 10), 0.0),
        (Box(0, 0, 4, 4), Box(1, 1, 2, 2), 0.25),
    ],
)
def test_overlap_is_the_intersection_over_the_union(one, other, share):
    assert overlap(one, other) == pytest.approx(share)
