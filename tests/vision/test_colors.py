"""Colours of rendered patches, on backgrounds and in light that photos have."""

import numpy as np
import pytest

from imagineai_vision.color import colors
from imagineai_vision.vocabulary import COLORS

PATCHES = {
    "black": (22, 22, 24), "white": (245, 245, 243), "gray": (125, 126, 128), "red": (190, 22, 34),
    "orange": (240, 125, 20), "yellow": (248, 215, 30), "green": (30, 130, 60), "blue": (30, 70, 160),
    "purple": (105, 45, 140), "pink": (245, 150, 185), "brown": (105, 65, 38), "beige": (222, 203, 168),
}  # fmt: skip
BACKGROUNDS = {
    "white paper": (240, 240, 240),
    "wood": (178, 140, 98),
    "dark cloth": (60, 30, 32),
    "sky": (120, 170, 215),
}


def photo(patch, background, light=1.0, noise=6.0, seed=3):
    """A patch in the middle of a background, both lit from one side and grainy."""
    random = np.random.default_rng(seed)
    rgb = np.empty((224, 224, 3))
    rgb[:] = background
    rgb[45:180, 50:170] = patch
    shade = light * np.linspace(0.88, 1.06, 224)[None, :, None]
    return np.clip(rgb * shade + random.normal(0, noise, rgb.shape), 0, 255).astype(np.uint8)


def distance(one, other):
    return np.linalg.norm(np.subtract(one, other))


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("name", PATCHES)
def test_a_patch_has_its_colour_on_any_background_unlike_it(name, background):
    if distance(PATCHES[name], BACKGROUNDS[background]) < 60:
        pytest.skip("the patch cannot be told from this background")
    assert colors(photo(PATCHES[name], BACKGROUNDS[background]))[0].value == name


@pytest.mark.parametrize("name", ["red", "green", "blue", "yellow", "black", "orange", "pink"])
def test_dim_light_does_not_change_the_name(name):
    assert colors(photo(PATCHES[name], BACKGROUNDS["white paper"], light=0.75))[0].value == name


def test_a_product_that_fills_the_frame_is_not_taken_for_background():
    rgb = np.full((224, 224, 3), (30, 70, 160), np.uint8)
    rgb[:, :20] = (240, 240, 240)
    assert colors(rgb)[0].value == "blue"


def test_two_halves_give_two_colours_and_the_larger_is_first():
    rgb = photo(PATCHES["red"], BACKGROUNDS["white paper"])
    rgb[130:180, 50:170] = PATCHES["black"]
    assert [attribute.value for attribute in colors(rgb)] == ["red", "black"]


def test_many_colours_are_multicolor():
    rgb = photo(PATCHES["red"], BACKGROUNDS["white paper"])
    for column, name in enumerate(("red", "yellow", "green", "blue", "purple", "orange") * 2):
        rgb[45:180, 50 + 10 * column : 60 + 10 * column] = PATCHES[name]
    assert [attribute.value for attribute in colors(rgb)] == ["multicolor"]


@pytest.mark.parametrize("fill", [(0, 0, 0), (255, 255, 255), (128, 128, 128), (0, 0, 255), (255, 255, 0)])
def test_a_picture_of_one_colour_is_answered(fill):
    answer = colors(np.full((224, 224, 3), fill, np.uint8))
    assert len(answer) == 1
    assert answer[0].value in ("black", "white", "gray", "blue", "yellow")


def test_any_picture_gets_one_or_two_names_of_the_vocabulary_with_a_probability():
    random = np.random.default_rng(0)
    for _ in range(100):
        coarse = random.integers(0, 256, (7, 7, 3), dtype=np.uint8)
        answer = colors(np.kron(coarse, np.ones((32, 32, 1), np.uint8)))
        assert 1 <= len(answer) <= 2
        assert len({attribute.value for attribute in answer} & set(COLORS)) == len(answer)
        assert all(attribute.name == "color" and 0 < attribute.confidence < 1 for attribute in answer)
