"""Registration with a real MLflow server: once a bundle, whole or not at all, failures in one sentence."""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import pytest

from imagineai_api.inference.source import BundleSource
from imagineai_api.settings import Settings
from imagineai_vision.bundle import MODEL_CARD, digest
from tests.vision import files
from training import register
from training.bundles.pack import rewrite_card

# MLflow warns of its own deprecations and of type hints that it reads all the same.
pytestmark = pytest.mark.filterwarnings("ignore")


def command(name, *arguments, **settings):
    """Run the command as the platform does."""
    environment = os.environ | {"MODEL_NAME": name} | settings
    return subprocess.run(
        [sys.executable, "-m", "training.register", *map(str, arguments)],
        env=environment, capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[2],
    )  # fmt: skip


@pytest.fixture(scope="module")
def other_bundle(starter, tmp_path_factory):
    """A bundle that differs from the released one in its card alone."""
    from imagineai_vision.bundle import DOCUMENT, seal

    folder = shutil.copytree(starter, tmp_path_factory.mktemp("other") / "bundle")
    with (folder / MODEL_CARD).open("a") as card:
        card.write("\nAnother.\n")
    document = json.loads((folder / DOCUMENT).read_text())
    seal(folder, {key: value for key, value in document.items() if key != "files"})
    return folder


def test_the_starter_becomes_version_one_and_champion_with_its_card(client, starter):
    done = command("fresh", "--starter", starter)
    assert (done.returncode, done.stdout) == (0, "The bundle is registered as version 1 of fresh.\n"), (
        done.stderr
    )
    assert done.stderr == ""
    version = client.get_model_version_by_alias("fresh", "champion")
    assert version.version == "1"
    assert version.tags["bundle.sha256"] == digest(starter)
    assert version.description == (starter / MODEL_CARD).read_text()
    assert "champion" in client.get_registered_model("fresh").description


def test_a_card_longer_than_mlflow_holds_is_cut_and_says_where_the_rest_is(client, starter, tmp_path):
    folder = shutil.copytree(starter, tmp_path / "talkative")
    card = "# A long card\n\n" + "A line that says nothing much.\n" * 300
    rewrite_card(folder, card)
    version = register.register(folder, "talkative").version
    described = client.get_model_version("talkative", version).description
    kept, _, rest = described.rpartition("\n\n")
    assert len(described) <= 5000
    assert len(kept) > 4000
    assert card.startswith(kept + "\n")
    assert MODEL_CARD in rest


def test_a_second_call_does_nothing(client, starter, other_bundle):
    register.register_starter(starter, "twice")
    for folder in (starter, other_bundle):
        done = command("twice", "--starter", folder)
        assert (done.returncode, done.stderr) == (0, "")
        assert "nothing was done" in done.stdout
    assert len(client.search_model_versions("name = 'twice'")) == 1


def test_a_champion_taken_away_on_purpose_stays_away(client, starter):
    register.register_starter(starter, "demoted")
    client.delete_registered_model_alias("demoted", "champion")
    assert register.register_starter(starter, "demoted").version is None
    assert client.get_registered_model("demoted").aliases == {}


def test_a_registration_that_died_before_the_alias_is_finished_by_the_next(client, starter):
    register.register(starter, "interrupted")
    client.delete_model_version_tag("interrupted", "1", "registration")
    assert register.register_starter(starter, "interrupted") == register.Registered("1", is_new=False)
    assert client.get_registered_model("interrupted").aliases == {"champion": "1"}


def test_a_further_bundle_is_a_version_without_an_alias_once(client, starter, other_bundle):
    register.register_starter(starter, "further")
    assert register.register(other_bundle, "further") == register.Registered("2", is_new=True)
    assert register.register(other_bundle, "further") == register.Registered("2", is_new=False)
    assert client.get_registered_model("further").aliases == {"champion": "1"}


def test_what_comes_back_from_the_registry_is_the_bundle(client, starter, tmp_path):
    register.register_starter(starter, "roundtrip")
    folder = mlflow.artifacts.download_artifacts("models:/roundtrip@champion", dst_path=str(tmp_path))
    assert digest(Path(folder) / "artifacts" / "bundle") == digest(starter)
    assert not [file for file in Path(folder).rglob("*") if file.suffix in (".pkl", ".pickle", ".pth")]


def test_services_that_share_a_cache_may_fetch_a_version_at_once(client, registry, starter, tmp_path):
    register.register_starter(starter, "shared")
    settings = Settings(mlflow_tracking_uri=registry, model_name="shared", model_cache=tmp_path)
    sources = [BundleSource(settings) for _ in range(4)]
    wanted = sources[0].version("1")
    with ThreadPoolExecutor(4) as pool:
        folders = list(pool.map(lambda source: source.fetch(wanted), sources))
    assert {digest(folder) for folder in folders} == {digest(starter)}


def test_mlflow_alone_can_answer_with_a_registered_version(client, starter):
    register.register_starter(starter, "alone")
    model = mlflow.pyfunc.load_model("models:/alone@champion")
    (answer,) = model.predict([files.accepted()["JPEG"]])
    assert sum(json.loads(answer)["scores"].values()) == pytest.approx(1)


def test_an_altered_bundle_is_not_registered(client, starter, tmp_path):
    folder = shutil.copytree(starter, tmp_path / "bundle")
    (folder / "golden.npz").write_bytes(b"other")
    done = command("altered", "--starter", folder)
    assert done.returncode == 1
    assert done.stderr == (
        "Nothing was registered: golden.npz of the bundle is not the file that was released: "
        "its SHA-256 differs.\n"
    )
    assert client.search_model_versions("name = 'altered'") == []


@pytest.mark.parametrize(
    ("arguments", "settings", "sentence"),
    [
        (("--starter", "nowhere"), {}, "nowhere holds no bundle: model.json cannot be read."),
        (("--starter", "x"), {"MLFLOW_TRACKING_URI": ""}, "MLFLOW_TRACKING_URI is not set."),
        (
            ("--starter", "x"),
            {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"},
            "MLflow at http://127.0.0.1:9 cannot be reached.",
        ),
    ],
)
def test_a_failure_is_one_sentence_and_exit_code_one(client, arguments, settings, sentence):
    done = command("failing", *arguments, **settings)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Nothing was registered: {sentence}\n"
