"""What the evaluation and the model card say of the decode."""

import dataclasses

import pytest

from imagineai_vision.engine import Engine
from tests.learning import drawings
from training.judging.decoding import judge_decode
from training.judging.figures import Figures
from training.judging.model_card import model_card
from training.judging.resampling import Share
from training.photos.dataset import Dataset, Photos

DEFECTS = {
    "found": 0.5,
    "type_right": None,
    "good_flagged": 0.02,
    "defects": 10,
    "contrast": 60.0,
    "found_at_flagged": {"0.05": 0.5},
    "found_by_type": {"tear": 0.5},
    "contrast_by_type": {"tear": 60.0},
}


@pytest.fixture(scope="module")
def decoded(starter, tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawings")
    for seed in range(6):
        (folder / f"{seed}.png").write_bytes(drawings.draw(seed))
    engine = Engine.open(starter, device="cpu")
    yield judge_decode(engine, sorted(folder.iterdir()))
    engine.close()


def test_drawings_as_png_are_decoded_to_the_same_pixels_in_both_ways(decoded):
    assert decoded.photos == 6
    assert (decoded.same_label, decoded.pixel_most) == (1, 0)


def test_the_card_says_how_far_the_decode_is_from_the_plain_one(decoded):
    none = Photos((), (), (), (), ())
    dataset = Dataset((), none, none, none, "", "", ())
    half = Share(0.5, 0.4, 0.6, 10)
    shares = {field.name: half for field in dataclasses.fields(Figures)}
    figures = Figures(**shares | {"calibration_error": 0.01, "labels": {}, "sources": {}})
    apart = dataclasses.replace(decoded, same_label=0.99, probability_most=0.2, pixel_mean=1.5, pixel_most=40)
    card = model_card(dataset, figures, {}, DEFECTS, apart)
    assert "the label is the same on 0.990 of the\ntest photos" in card
    assert "no probability is off by more than 0.200; the pixels are 1.50 of 255 levels apart" in card
    assert "$" not in card
