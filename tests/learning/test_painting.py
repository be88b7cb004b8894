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
from training.defects.painting import paint
from training.defects.products import Scene, are_surfaces, outline, scene, varied


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
    product = outline(good)
    assert product[130, 150]
    assert not product[5, 5]
    assert product.mean() == pytest.approx(np.pi * 100**2 / (256 * 300), rel=0.15)


def test_an_outline_that_the_edge_of_the_picture_cuts_is_not_believed(good):
    assert outline(good[:, :160]) is None


def test_photos_that_a_surface_fills_are_painted_on_everywhere(photos, tmp_path):
    grain = np.random.default_rng(0).normal(120, 6, (200, 200, 3)) + np.linspace(-15, 15, 200)[:, None]
    Image.fromarray(grain.astype(np.uint8)).save(tmp_path / "surface.png")
    surfaces = [tmp_path / "surface.png"]

    assert are_surfaces(surfaces)
    assert not are_surfaces(photos)
    seen = list(examples(surfaces, 12, list(KINDS), Style(), 288, 5))
    assert any(example.painted for example in seen)


def test_what_is_painted_on_is_a_product_of_known_outline(good, tmp_path):
    Image.fromarray(good[:, :160]).save(tmp_path / "cut.png")
    known = tmp_path / "known.png"
    Image.fromarray(good).save(known)
    photos = [tmp_path / "cut.png", *[known] * 4]

    rng = np.random.default_rng(1)
    found = [scene(photos, fill=False, outlined=False, rng=rng).product is None for _ in range(40)]
    assert any(found)
    assert not all(found)
    assert all(scene(photos, fill=False, outlined=True, rng=rng).product is not None for _ in range(20))


def test_another_ground_leaves_the_product_as_it_is(good, tmp_path):
    blue = np.zeros_like(good) + np.array((20, 40, 200), np.uint8)
    Image.fromarray(blue).save(tmp_path / "blue.png")
    seen = scene([tmp_path / "blue.png"], fill=False, outlined=False, rng=np.random.default_rng(0))
    assert seen.product is None

    product = outline(good)
    changed = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        shown = varied(Scene(good, product), [tmp_path / "blue.png"], rng, grounds=True)
        middle = shown.rgb[shown.product].mean(axis=0)
        assert middle[0] > 2 * middle[2]
        if not shown.product.all():
            ground = shown.rgb[~shown.product].mean(axis=0)
            changed += ground[2] > 1.5 * ground[0]
    assert 1 <= changed < 12


@pytest.mark.parametrize("kind", KINDS)
def test_a_defect_changes_the_product_and_nothing_else(good, kind):
    product = outline(good)
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
