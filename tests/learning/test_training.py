"""The trained branch: it learns, forgets nothing, goes on after a kill, and repeats itself to the bit."""

import hashlib
import inspect
import math
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import grimp
import numpy as np
import pytest
import torch
from mlflow import MlflowClient

from imagineai_vision.branch import Branch
from imagineai_vision.network import ShopNetwork
from imagineai_vision.trunk import EfficientNetLite0
from tests.learning.drawn import draw_folder
from tests.platforms import until
from training import manifest, prepare
from training.branch import shop_labels
from training.branch.feature_cache import CHANNELS, cached_features
from training.branch.feature_code import code_sha256
from training.branch.module import BranchTraining
from training.branch.recipe import Recipe
from training.branch.trained import load_trained
from training.bundles.pretrained import pretrained
from training.folders import allocated
from training.photos.dataset import PlacedLabel, load_dataset
from training.train import train

# Lightning and MLflow warn of their own deprecations.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(900)]

SMALL = Recipe(
    seed=1, size=96, served_size=96, views=2, epochs=3, least_steps=0, batch=8, tail_rate=5e-4,
    head_rate=5e-3, weight_decay=0.02, smoothing=0.1, mixup=0.2, dropout=0.2, patience=5,
    accelerator="cpu", devices="1", strategy="auto", precision="32-true", workers=0, prior=0.05, missed=0.02,
    class_temperature=0.5,
    other_prior=0.05, threshold=0.02,
)  # fmt: skip

FEATURES = "training.branch.feature_cache"
PATIENCE_S = 400


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A data set of 42 drawn photos of three labels."""
    folder = tmp_path_factory.mktemp("drawn")
    draw_folder(folder / "photos")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMAGINEAI_DATA", str(folder / "photos"))
        manifest.make(folder / "manifest", [manifest.Source("own", "IMAGINEAI_DATA", "CC0 1.0")])
        prepare.make(folder / "prepare", folder / "manifest", seed=1, validation=0.12, test=0.18)
    return folder / "prepare"


@pytest.fixture(scope="module")
def unbroken(prepared, tmp_path_factory):
    """A training that nothing interrupted, with MLflow out of reach: its folder, and what it said."""
    # By command: the number of threads decides the last bit, and other tests set it in this process.
    folder = tmp_path_factory.mktemp("whole")
    shown = run_to_the_end(folder, prepared, SMALL, MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    return folder, shown


@pytest.fixture(scope="module")
def whole(unbroken):
    """What that training made."""
    return unbroken[0] / "train"


@pytest.fixture(scope="module")
def logged(prepared, tmp_path_factory):
    """The same training with MLflow in reach: its folder, and where MLflow has its runs."""
    folder = tmp_path_factory.mktemp("logged")
    uri = f"sqlite:///{folder}/mlflow.db"
    # Without a place for them, artifacts would go below the working directory.
    MlflowClient(uri).create_experiment("drawn", artifact_location=str(folder / "artifacts"))
    run_to_the_end(folder, prepared, SMALL, MLFLOW_TRACKING_URI=uri, MODEL_NAME="drawn")
    return folder / "train", uri


def command(folder, prepared, recipe, **variables):
    """Start the stage as DVC does."""
    options = [
        word for name, value in asdict(recipe).items() if name != "full" for word in (f"--{name}", str(value))
    ]
    environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"} | variables
    return subprocess.Popen(
        [
            sys.executable, "-m", "training.train", "--data", str(prepared), "--work", str(folder / "work"),
            "--out", str(folder / "train"), *options,
        ],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def run_to_the_end(folder, prepared, recipe, **variables):
    """Run the stage to its good end; gives what it said."""
    training = command(folder, prepared, recipe, **variables)
    try:
        _, shown = training.communicate(timeout=PATIENCE_S)
    finally:
        training.kill()
    assert training.returncode == 0, shown
    return shown


def weights(folder):
    """The SHA-256 of the weights; megabytes that differ would be compared for an hour by pytest."""
    return hashlib.sha256((folder / "network.safetensors").read_bytes()).hexdigest()


def assert_known_before(network):
    """ImageNet's weights are as they were, but that its classes' logits are sharpened."""
    state = network.state_dict()
    for name, tensor in pretrained().items():
        sharpened = tensor / SMALL.class_temperature if name.startswith("label_head.classes.") else tensor
        assert torch.equal(state[name], sharpened), name


def test_what_was_known_before_is_as_it_was(whole):
    assert_known_before(load_trained(whole).network)


def test_the_branch_has_learned_the_labels(whole, prepared):
    trained, dataset = load_trained(whole), load_dataset(prepared)
    names = [label["name"] for label in trained.labels]
    assert {"disc", "box", "wedge", "sofa"} <= set(names)
    assert trained.network.branch.head.weight.shape == (len(dataset.labels), 1280)
    assert not torch.equal(trained.network.branch.top.conv.weight, trained.network.trunk.top.conv.weight)


def test_the_same_seed_gives_the_same_weights(whole, logged):
    again, _ = logged
    assert weights(again) == weights(whole)


def test_a_killed_training_goes_on_and_ends_as_if_it_had_not_been(whole, prepared, tmp_path):
    first = command(tmp_path, prepared, SMALL)
    checkpoints = tmp_path / "work" / "checkpoints"
    until(lambda: first.poll() is not None or any(checkpoints.rglob("last.ckpt")), "a checkpoint", PATIENCE_S)
    first.send_signal(signal.SIGKILL)
    _, shown = first.communicate()
    assert first.returncode == -signal.SIGKILL, shown
    assert not (tmp_path / "train").exists()
    cache = next((tmp_path / "work" / "features").rglob("train.npy"))
    written = cache.stat().st_mtime_ns
    shown = run_to_the_end(tmp_path, prepared, SMALL)
    assert "Epoch 0:" not in shown
    assert cache.stat().st_mtime_ns == written
    assert weights(tmp_path / "train") == weights(whole)


def test_after_a_change_of_its_code_a_training_that_had_ended_begins_anew(
    unbroken, prepared, tmp_path, monkeypatch
):
    shutil.copytree(unbroken[0] / "work", tmp_path / "work")
    step, epochs = BranchTraining.training_step, set()

    def changed(self, batch, number):
        epochs.add(self.current_epoch)
        return 0.5 * step(self, batch, number)

    monkeypatch.setattr(BranchTraining, "training_step", changed)
    train(tmp_path / "train", prepared, tmp_path / "work", SMALL)
    assert epochs == {0, 1, 2}
    assert not any((tmp_path / "work").rglob("*.ckpt"))


def test_a_change_of_any_code_that_features_come_out_of_asks_for_another_cache(tmp_path, monkeypatch):
    imports = grimp.build_graph("training", "imagineai_vision")
    modules = {FEATURES, *imports.find_upstream_modules(FEATURES)}
    assert {"training.branch.augmentation", "imagineai_vision.jpeg"} <= modules
    before = code_sha256()
    for module in map(sys.modules.__getitem__, modules):
        changed = tmp_path / Path(module.__file__).name
        changed.write_text(f"{inspect.getsource(module)}\n# another\n")
        with monkeypatch.context() as patch:
            patch.setattr(module, "__file__", str(changed))
            assert code_sha256() != before, module


def test_a_cache_cut_short_is_gone_on_with(unbroken, prepared, tmp_path):
    shutil.copytree(unbroken[0] / "work", tmp_path / "work")
    cache = next((tmp_path / "work" / "features").rglob("train.npy"))
    expected = cache.read_bytes()
    stored = np.lib.format.open_memmap(cache, mode="r+")
    stored[16:] = 0
    stored.flush()
    cache.with_suffix(".count").write_text("16")
    train(tmp_path / "train", prepared, tmp_path / "work", replace(SMALL, epochs=1, head_rate=1e-3))
    restored = np.load(cache, mmap_mode="r").astype(np.int64)
    whole_again = np.frombuffer(expected[-stored.nbytes :], np.uint16).reshape(stored.shape).astype(np.int64)
    # Batches of other sizes round otherwise: a unit of bfloat16's last place.
    assert (np.abs(restored - whole_again) <= 1).mean() > 0.999


def test_a_cache_whose_count_was_torn_is_begun_anew(prepared, tmp_path):
    file = tmp_path / "train.npy"
    allocated(file, np.uint16, (1, 2, 6, 6, CHANNELS))
    file.with_suffix(".count").write_text("")
    trunk = ShopNetwork([0], [0.0], trained_labels=[1], class_shares=[0.0]).eval().trunk
    cache = cached_features(file, trunk, load_dataset(prepared).train.paths[:1], size=96, count=2, seed=1)
    assert cache.any(axis=(2, 3, 4)).all()
    assert file.with_suffix(".count").read_text() == "1"
    assert len([*tmp_path.iterdir()]) == 2


@pytest.mark.parametrize("torn", ["", "1x", "\0\0", "\udcff"])
def test_a_count_that_is_no_number_stops_no_training(tmp_path, torn):
    file = tmp_path / "train.npy"
    allocated(file, np.uint16, (0, 2, 6, 6, CHANNELS))
    file.with_suffix(".count").write_bytes(os.fsencode(torn))
    assert len(cached_features(file, EfficientNetLite0(), [], size=96, count=2, seed=1)) == 0


def test_without_mlflow_a_sentence_says_so_and_the_training_goes_on(unbroken):
    folder, shown = unbroken
    assert "The training is not logged: MLflow at http://127.0.0.1:9 cannot be reached.\n" in shown
    assert (folder / "train" / "network.json").is_file()


def test_mlflow_gets_one_run_with_parameters_losses_and_hashes(logged, prepared):
    trained, uri = logged
    client = MlflowClient(uri)
    (run,) = client.search_runs([client.get_experiment_by_name("drawn").experiment_id])
    assert run.data.params["tail_rate"] == "0.0005"
    assert {"train_loss", "validation_loss", "validation_accuracy"} <= set(run.data.metrics)
    assert run.data.tags["weights.sha256"] == load_trained(trained).weights_sha256
    assert run.data.tags["data.sha256"] == load_dataset(prepared).sha256
    assert run.info.run_id not in (trained / "network.json").read_text()


def test_all_of_the_network_can_be_fine_tuned(prepared, tmp_path):
    train(tmp_path / "train", prepared, tmp_path / "work", replace(SMALL, epochs=1, full=True))
    trained = load_trained(tmp_path / "train")
    assert trained.arguments["whole"] is True
    assert not torch.equal(trained.network.branch.stem.conv.weight, trained.network.trunk.stem.conv.weight)
    assert_known_before(trained.network)


def test_without_prepared_photos_nothing_is_trained(tmp_path):
    done = command(tmp_path, tmp_path / "nowhere", SMALL)
    _, shown = done.communicate(timeout=60)
    assert done.returncode == 1
    assert shown.endswith("nowhere holds no prepared photos; `dvc repro prepare` makes them.\n")
    assert not (tmp_path / "train").exists()


def test_a_folded_branch_computes_what_the_trunk_does():
    network = ShopNetwork([0, 1], [0.0, 0.0], trained_labels=[2], class_shares=[0.0, 0.0]).eval()
    trunk = {name.removeprefix("trunk."): t for name, t in pretrained().items() if name.startswith("trunk.")}
    network.trunk.load_state_dict(trunk)
    network.branch.start_from(network.trunk)
    stride16 = torch.rand(2, 112, 6, 6) * 4
    with torch.inference_mode():
        expected = network.trunk.tail(stride16).mean(dim=(2, 3))
        network.branch.fold()
        folded = network.branch.pooled(stride16)
        reloaded = Branch(1, whole=False).eval()
        reloaded.load_state_dict(network.branch.state_dict())
        assert torch.allclose(folded, expected, atol=1e-4)
        assert torch.allclose(reloaded.pooled(stride16), expected, atol=1e-4)


def test_all_labels_form_one_distribution():
    network = ShopNetwork([0, 1, 1], [0.0] * 3, trained_labels=[2, 0], class_shares=[0.5, 0.0, 1.0]).eval()
    embedding, trained = torch.rand(4, 1280), torch.randn(4, 2)
    with torch.inference_mode():
        classes = network.label_head.classes(embedding).softmax(dim=1)
        answers = network.label_head.shared(embedding, trained).exp()
    handed = classes[:, 0] * 0.5 + classes[:, 2]
    learned = trained.softmax(dim=1)
    assert torch.allclose(answers.sum(dim=1), torch.ones(4), atol=1e-5)
    assert torch.allclose(answers[:, 0], classes[:, 0] * 0.5 + handed * learned[:, 1], atol=1e-5)
    assert torch.allclose(answers[:, 1], classes[:, 1], atol=1e-5)
    assert torch.allclose(answers[:, 2], handed * learned[:, 0], atol=1e-5)


def test_a_class_hands_over_by_how_much_more_training_photos_get_it():
    offsets = [math.log(0.5), math.log(1.5)]
    even, known = shop_labels.class_shares(np.array([0.25, 0.75], np.float32), offsets, prior=0.5), 0.5
    assert even == pytest.approx([known, known])
    hardly, fully = shop_labels.class_shares(np.array([0.0, 1.0], np.float32), offsets, prior=0.5)
    assert (hardly, fully) == pytest.approx((0.0, 1 / 1.75), abs=1e-5)


def test_a_trained_label_that_imagenet_has_too_is_one_label():
    joined = shop_labels.join([PlacedLabel("sofa", "furniture", "mine")], other_prior=0.05, threshold=0.02)
    names = [label["name"] for label in joined.labels]
    assert names.count("sofa") == 1
    assert joined.labels[joined.trained_labels[0]]["subcategory"] == "mine"
    assert joined.trained_labels[0] in joined.class_labels
