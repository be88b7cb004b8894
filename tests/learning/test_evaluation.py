"""The bundle and its figures; the pipeline as one command."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from imagineai_vision.bundle import MODEL_CARD, open_bundle
from imagineai_vision.engine import Engine
from tests.learning.drawn import draw, draw_folder
from training import manifest, prepare
from training.branch import calibration
from training.branch.recipe import Recipe
from training.defects.recipe import DefectRecipe
from training.defects.teaching import teach
from training.evaluate import evaluate
from training.judging import baselines
from training.judging.resampling import share
from training.judging.scoring import Embedded
from training.photos.dataset import load_dataset
from training.train import train

# Lightning and MLflow warn of their own deprecations.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(1800)]

SMALL = {
    "train": {
        "size": 96,
        "served_size": 96,
        "views": 2,
        "epochs": 4,
        "least_steps": 0,
        "batch": 8,
        "head_rate": 0.005,
    },
    "defects": {"examples": 32, "epochs": 1, "checks": 16},
}


TAUGHT = DefectRecipe(
    seed=1,
    size=192,
    rounds=1,
    examples=64,
    epochs=1,
    batch=16,
    learning_rate=0.004,
    edge=0.65,
    flagged_share=0.02,
    checks=32,
)


def dvc(folder, *arguments, **variables):
    """Run DVC in a copy of the repository, with the platform's tools and none of its services."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("IMAGINEAI_", "MLFLOW_"))}
    path = f"{Path(sys.executable).parent}:{kept['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=folder,
        env=kept | {"PATH": path} | variables,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def pipeline(repository, tmp_path_factory):
    """A copy of the repository whose pipeline has run on 42 drawn photos, and the folder of the photos."""
    folder = tmp_path_factory.mktemp("pipeline")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (repository / name).is_file() and not name.startswith("releases/"):
            (folder / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(repository / name, folder / "copy" / name)
    subprocess.run(["git", "init", "--quiet"], cwd=folder / "copy", check=True)
    params = folder / "copy" / "params.yaml"
    numbers = yaml.safe_load(params.read_text())
    for stage, values in SMALL.items():
        numbers[stage] |= values
    params.write_text(yaml.safe_dump(numbers))
    photos = draw_folder(folder / "photos")
    dvc(folder / "copy", "repro", "evaluate", IMAGINEAI_DATA=str(photos))
    return folder / "copy", photos


def test_one_command_makes_a_bundle_that_answers_with_the_new_labels(pipeline):
    folder, _ = pipeline
    engine = Engine.open(folder / "outputs" / "evaluate" / "bundle", device="cpu")
    names = {label.name for label in engine.bundle.labels}
    assert {"disc", "box", "wedge", "sofa", "other"} <= names
    test = [line.split(",") for line in (folder / "outputs/prepare/photos.csv").read_text().splitlines()]
    pictures = {row[0]: row[2] for row in test[1:] if row[4] == "test"}
    answers = {
        photo: engine.predict((folder / "outputs/prepare/pictures" / photo).read_bytes())
        for photo in pictures
    }
    trained = {
        photo: max(("disc", "box", "wedge"), key=lambda name: answer.scores.get(name, 0))
        for photo, answer in answers.items()
    }
    assert sum(trained[photo] == label for photo, label in pictures.items()) >= 5


def test_figures_card_and_pictures_agree(pipeline):
    folder = pipeline[0] / "outputs" / "evaluate"
    metrics = json.loads((folder / "metrics.json").read_text())
    card = (folder / "bundle" / MODEL_CARD).read_text()
    assert f"| right among the trained labels | {metrics['trained_accuracy']:.3f} (" in card
    assert "- Photos, own: the owner's own" in card
    assert metrics["photos"] == 6
    for name in ("confusion", "reliability", "worst"):
        with Image.open(folder / f"{name}.png") as image:
            assert min(image.size) > 200
    described = open_bundle(folder / "bundle").card
    report = json.loads((pipeline[0] / "outputs/prepare/report.json").read_text())
    assert described["data"]["test_split.sha256"] == report["test_split.sha256"]
    assert described["trained_labels"] == ["box", "disc", "wedge"]


def test_a_second_run_does_nothing_and_one_photo_more_runs_what_depends_on_it(pipeline):
    folder, photos = pipeline
    again = dvc(folder, "repro", "evaluate", IMAGINEAI_DATA=str(photos))
    assert re.findall(r"Running stage '(\w+)'", again) == ["manifest", "pieces"]
    draw(photos / "disc" / "more.jpg", "disc", 500)
    more = dvc(folder, "repro", "prepare", IMAGINEAI_DATA=str(photos))
    assert re.findall(r"Running stage '(\w+)'", more) == ["manifest", "prepare"]
    assert "train" in dvc(folder, "status", "train", IMAGINEAI_DATA=str(photos))


def test_the_calibration_error_is_how_far_confidence_is_from_being_right():
    confidences = np.full(100, 0.8)
    assert calibration.expected_error(confidences, np.arange(100) < 80) == pytest.approx(0)
    assert calibration.expected_error(confidences, np.arange(100) < 50) == pytest.approx(0.3)


def test_a_threshold_stands_where_answers_become_more_often_wrong_than_right():
    confidences = np.linspace(0.01, 1, 100)
    right = confidences > 0.4
    chosen = calibration.thresholds(confidences, np.zeros(100, int), right, labels=2)
    assert chosen == pytest.approx([0.405, 0.405], abs=0.006)
    assert calibration.thresholds(confidences, np.zeros(100, int), np.ones(100, bool), labels=1) == [0.0]


def test_the_gate_leaves_as_many_photos_as_may_be_missed():
    handed, learned = torch.linspace(0.1, 0.9, 101), torch.full((101,), 0.9)
    slope, offset = calibration.fit_gate(handed, learned, missed=0.1)
    shown = (slope * torch.logit(handed) + offset).sigmoid()
    assert int((shown < 0.499).sum()) == 10
    assert slope >= 1


def test_an_interval_is_wider_where_photos_come_in_groups():
    right = np.arange(200) % 4 > 0
    alone = share(right, [str(n) for n in range(200)])
    grouped = share(np.sort(right), [str(n // 20) for n in range(200)])
    assert alone.value == grouped.value == 0.75
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low) > 0


def test_the_baselines_learn_what_is_plain_to_see():
    random = np.random.default_rng(1)
    labels = np.arange(120) % 3
    features = random.normal(size=(120, 1280)).astype(np.float32)
    for label in range(3):
        features[labels == label, 256 * label : 256 * label + 256] += 3
    train, nothing = Embedded(features[:90], labels[:90]), Embedded(features[:0], labels[:0])
    assert (baselines.ridge(train, nothing, features[90:], 3) == labels[90:]).all()
    weights, bias = np.eye(5, dtype=np.float32).repeat(256, axis=1) / 20, np.zeros(5, np.float32)
    assert (baselines.imagenet(train, features[90:], weights, bias, 3) == labels[90:]).all()


@pytest.mark.photos
def test_on_real_photos_a_short_training_beats_ridge_on_frozen_features(photos, tmp_path, monkeypatch):
    place = tmp_path / "photos"
    for label in sorted(folder.name for folder in (photos / "train").iterdir()):
        for path in sorted((photos / "train" / label).glob("*.jpg"))[:60]:
            (place / "train" / label).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place / "train" / label)
    shutil.copy(photos / "senders.csv", place)
    monkeypatch.setenv("IMAGINEAI_DATA", str(place))
    manifest.make(tmp_path / "manifest", [manifest.Source("own", "IMAGINEAI_DATA", "CC0 1.0")])
    prepare.make(tmp_path / "prepare", tmp_path / "manifest", seed=1, validation=0.12, test=0.25)
    recipe = Recipe(
        seed=1,
        size=160,
        served_size=192,
        views=3,
        epochs=5,
        least_steps=0,
        batch=32,
        tail_rate=7e-4,
        head_rate=4e-3,
        weight_decay=0.02,
        smoothing=0.1,
        mixup=0.2,
        dropout=0.2,
        patience=9,
        accelerator="cpu",
        devices="1",
        strategy="auto",
        precision="32-true",
        workers=0,
        prior=0.05,
        missed=0.02,
        class_temperature=0.5,
        other_prior=0.05,
        threshold=0.02,
    )
    train(tmp_path / "train", tmp_path / "prepare", tmp_path / "work", recipe)
    teach(tmp_path / "defects", load_dataset(tmp_path / "prepare"), TAUGHT)
    figures = evaluate(tmp_path / "evaluate", tmp_path / "prepare", tmp_path / "train", tmp_path / "defects")
    assert figures.trained.value > figures.ridge.value + 0.02
    assert figures.trained.value > figures.imagenet.value + 0.1
    assert figures.served.value > figures.trained.value - 0.12
