"""From good photos to a head that sees defects, the rule that reads it, and a bundle that tells of them."""

import subprocess
import sys

import numpy as np
import pytest

from imagineai_vision import picture
from imagineai_vision.vocabulary import DEFECT_TYPES
from tests.learning.drawn import draw_folder
from training import manifest, prepare
from training.defects.calibration import defect_rule
from training.defects.examples import examples
from training.defects.kinds import TYPES, Style
from training.defects.measure import Findings, Sighting
from training.defects.recipe import DefectRecipe
from training.defects.teaching import load_taught, look_through, pretrained_trunk, teach
from training.photos.dataset import load_dataset
from training.photos.sources import DataError

# Lightning warns of its own deprecations.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(900)]

RECIPE = DefectRecipe(
    seed=1,
    size=96,
    rounds=2,
    examples=80,
    epochs=8,
    batch=16,
    learning_rate=0.006,
    edge=0.6,
    flagged_share=0.05,
    checks=40,
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMAGINEAI_DATA", str(draw_folder(folder / "photos", each=20)))
        manifest.make(folder / "manifest", [manifest.Source("own", "IMAGINEAI_DATA", "CC0 1.0")])
        prepare.make(folder / "prepare", folder / "manifest", seed=1, validation=0.2, test=0.2)
    return load_dataset(folder / "prepare")


@pytest.fixture(scope="module")
def taught(dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("taught") / "defects"
    teach(folder, dataset, RECIPE)
    return load_taught(folder)


def test_the_head_is_surer_where_defects_are_than_where_none_is(taught, dataset):
    maps = look_through(pretrained_trunk(), taught.head, RECIPE.size)
    there, elsewhere = [], []
    for example in examples(dataset.test.paths, 40, TYPES, Style(), RECIPE.size, seed=77):
        presence, _ = maps(example.rgb)
        there.extend(presence[example.presence > 0])
        elsewhere.extend(presence[example.presence == 0][::17])
    above = np.mean(np.array(there)[:, None] > np.array(elsewhere)[None, ::7])
    assert above > 0.75  # a head that learned nothing is at 0.5


def test_the_rule_is_set_on_good_photos(taught, dataset):
    assert taught.rule.types == TYPES
    assert set(taught.rule.types) < set(DEFECT_TYPES)
    assert taught.rule.slope > 0
    maps = look_through(pretrained_trunk(), taught.head, RECIPE.size)
    flagged = [
        taught.rule.flags(*maps(picture.read(path.read_bytes(), RECIPE.size)))
        for path in dataset.validation.paths
    ]
    assert np.mean(flagged) <= RECIPE.flagged_share + 1 / len(flagged)


@pytest.mark.parametrize("truth", [[False] * 6, [True, True, False, True, False, False]])
def test_a_head_that_learned_nothing_tells_of_nothing(truth):
    scores = [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0]
    sightings = [Sighting(score, is_defect) for score, is_defect in zip(scores, truth, strict=True)]
    rule = defect_rule(Findings(scores, sightings, []), TYPES, 0.6, 0.5)
    assert rule.threshold > max(scores)
    assert rule.confidence(max(scores)) < 0.01


def test_a_head_that_learned_something_is_believed_as_far_as_it_was_right():
    scores = np.linspace(-4, 4, 81)
    sightings = [Sighting(float(score), bool(score > 1)) for score in scores]
    rule = defect_rule(Findings([-4.0, -3.0, 0.5], sightings, []), TYPES, 0.6, 0.4)
    assert rule.confidence(4) > 0.95
    assert rule.confidence(-4) < 0.05
    assert -3.0 <= rule.threshold <= 0.5


def test_the_figures_say_what_was_measured(taught):
    figures = taught.metrics
    assert figures["good_photos"] > 0
    assert figures["defects"] > 0
    assert set(figures["found_by_type"]) == set(TYPES)
    for share in ("good_flagged", "found"):
        assert 0 <= figures[share] <= 1
    assert figures["type_right"] is None or 0 <= figures["type_right"] <= 1


def test_without_prepared_photos_it_says_so_and_leaves_nothing(tmp_path):
    numbers = {name: getattr(RECIPE, name) for name in RECIPE.__slots__}
    arguments = [text for name, value in numbers.items() for text in (f"--{name}", str(value))]
    places = ("--data", str(tmp_path / "nowhere"), "--out", str(tmp_path / "defects"))
    done = subprocess.run(
        [sys.executable, "-m", "training.defects", *places, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("No defect head was made: ")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "defects").exists()


def test_a_folder_without_a_head_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(DataError, match="holds no defect head"):
        load_taught(tmp_path)
