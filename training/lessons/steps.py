"""What the notebooks share: photos, trainings and evaluations, each made once, in a folder of their own."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import yaml
from mlflow.exceptions import MlflowException

from training import evaluate, manifest, prepare, train
from training.branch.fitting import forget
from training.branch.recipe import Recipe
from training.branch.trained import load_trained
from training.defects import teaching
from training.defects.examples import Example, examples
from training.defects.kinds import TYPES
from training.defects.recipe import DefectRecipe
from training.defects.teaching import OTHER_STYLE
from training.judging.figures import Figures
from training.lessons.few_photos import few, most_frequent, write_table
from training.lessons.runs import run_of
from training.manifest import Source
from training.photos.dataset import Dataset, load_dataset
from training.photos.sources import DataError, folder_of, photos_of

SIZE_VARIABLE: Final = "IMAGINEAI_NOTEBOOK_SIZE"
"""Where it says "small", few photos, few steps and few painted pictures do: the way is the same."""
SOURCES: Final = (
    Source("own", "IMAGINEAI_DATA", "the owner's own"),
    Source("clothing", "IMAGINEAI_PHOTOS", "CC0 1.0"),
)
_FEW_PHOTOS: Final = Source("few", "IMAGINEAI_FEW_PHOTOS", "as that of the photos it names")
_FEW_LABELS: Final = 5
_FEW_OF_EACH: Final = 40
_SMALL: Final[dict[str, Any]] = {
    "size": 128,
    "served_size": 192,
    "views": 2,
    "batch": 32,
    "epochs": 3,
    "least_steps": 40,
}
_SMALL_DEFECTS: Final[dict[str, Any]] = {
    "rounds": 1,
    "examples": 64,
    "epochs": 8,
    "checks": 40,
    "flagged_share": 0.1,
}
_FULL_DEFECTS: Final[dict[str, Any]] = {"rounds": 1, "examples": 800, "epochs": 8, "checks": 200}


@dataclass(frozen=True, slots=True)
class Lesson:
    """A size of the lessons, and where what they make lies.

    Attributes:
        folder: Of everything made here.
        params: The file with the recipes.
        is_small: Whether few photos and short trainings do.
    """

    folder: Path
    params: Path
    is_small: bool

    @property
    def prepared(self) -> Path:
        """What the stage `prepare` writes."""
        return self.folder / "data" / "prepare"

    @property
    def recipe(self) -> Recipe:
        """The branch's recipe as params.yaml has it, shortened in the small size."""
        params = yaml.safe_load(self.params.read_text(encoding="utf-8"))
        elsewhere = {name: params["starter"][name] for name in ("other_prior", "threshold")}
        recipe = Recipe(**params["train"], **elsewhere)
        return replace(recipe, **_SMALL) if self.is_small else recipe

    @property
    def defect_recipe(self) -> DefectRecipe:
        """The defect head's recipe, with fewer painted pictures than params.yaml asks for."""
        params = yaml.safe_load(self.params.read_text(encoding="utf-8"))
        recipe = DefectRecipe(**params["defects"], size=self.recipe.served_size)
        return replace(recipe, **(_SMALL_DEFECTS if self.is_small else _FULL_DEFECTS))


def open_lesson(repository: Path, name: str = "") -> Lesson:
    """Return the lesson of the size that the environment asks for.

    Args:
        repository: Its root.
        name: Of a folder apart from that of the other lessons, for photos of its own.
    """
    home = Path(os.environ.get("IMAGINEAI_HOME", repository / ".imagineai"))
    is_small = os.environ.get(SIZE_VARIABLE) == "small"
    folder = home / "notebooks" / ("small" if is_small else "") / name
    return Lesson(folder, repository / "params.yaml", is_small)


def prepared(lesson: Lesson) -> Dataset:
    """Prepare the photos that the environment names, unless that is done.

    Raises:
        DataError: It names none, or they cannot be used.
        OSError: A file cannot be read or written.
    """
    if not lesson.prepared.exists():
        sources = [_few(lesson)] if lesson.is_small else list(SOURCES)
        prepare_photos(lesson, sources)
    return load_dataset(lesson.prepared)


def prepare_photos(lesson: Lesson, sources: list[Source]) -> None:
    """Run the stages `manifest` and `prepare` with the shares of params.yaml.

    Raises:
        DataError: The photos cannot be used.
        OSError: A file cannot be read or written.
    """
    listed = lesson.folder / "data" / "manifest"
    manifest.make(listed, sources)
    shares = yaml.safe_load(lesson.params.read_text(encoding="utf-8"))["prepare"]
    prepare.make(lesson.prepared, listed, **shares)


def trained(lesson: Lesson, recipe: Recipe) -> Path:
    """Train a branch as the stage `train` does, unless it is there and MLflow, where it is set, has its run.

    Returns:
        The folder that the stage writes.

    Raises:
        DataError: There are no photos.
        OSError: A file cannot be written.
    """
    dataset = prepared(lesson)
    folder = lesson.folder / "trained" / recipe.key(dataset.sha256)
    work = lesson.folder / "work"
    if not _is_trained(folder):
        # Gone on with, one that was killed would leave a run with half a curve.
        forget(work)
        train.train(folder, lesson.prepared, work, recipe)
    return folder


def taught(lesson: Lesson) -> Path:
    """Teach a defect head as the stage `defects` does, unless that is done; return the stage's folder.

    Raises:
        DataError: There are no photos.
        OSError: A file cannot be written.
    """
    dataset, recipe = prepared(lesson), lesson.defect_recipe
    key = hashlib.sha256(json.dumps([asdict(recipe), dataset.sha256]).encode()).hexdigest()[:16]
    folder = lesson.folder / "defects" / key
    if not folder.exists():
        teaching.teach(folder, dataset, recipe)
    return folder


def evaluated(lesson: Lesson, recipe: Recipe) -> Path:
    """Pack and judge a recipe's network as the stage `evaluate` does, unless that is done.

    Returns:
        The folder that the stage writes: the bundle, its figures and pictures of them.

    Raises:
        DataError: There are no photos.
        BundleError: The bundle does not yield what the network yields.
        OSError: A file cannot be written.
    """
    network, defects = trained(lesson, recipe), taught(lesson)
    folder = _evaluation(lesson, network, defects)
    if not folder.exists():
        evaluate.evaluate(folder, lesson.prepared, network, defects)
    return folder


def judged(lesson: Lesson, recipe: Recipe) -> Figures:
    """Do as ``evaluated`` does, but always, and return the figures with their intervals.

    Raises:
        DataError: There are no photos.
        BundleError: The bundle does not yield what the network yields.
        OSError: A file cannot be written.
    """
    network, defects = trained(lesson, recipe), taught(lesson)
    return evaluate.evaluate(_evaluation(lesson, network, defects), lesson.prepared, network, defects)


def painted_examples(lesson: Lesson, dataset: Dataset, count: int) -> list[Example]:
    """Paint defects into test photos, in another style than the defect head learns from.

    Args:
        lesson: Says how large the pictures are.
        dataset: Of the photos.
        count: Pictures with at least one defect.
    """
    size, seed = lesson.defect_recipe.size, 5
    made = examples(dataset.test.paths, 2 * count, TYPES, OTHER_STYLE, size, seed, grounds=False)
    return [example for example in made if example.painted][:count]


def _evaluation(lesson: Lesson, network: Path, defects: Path) -> Path:
    return lesson.folder / "evaluated" / f"{network.name}-{defects.name}"


def _few(lesson: Lesson) -> Source:
    """Name a few photos of the first source that is there in a table, and have the environment name that."""
    place = next((source.place for source in SOURCES if source.place), None)
    if place is None:
        variables = " or ".join(source.variable for source in SOURCES)
        raise DataError(f"no source is there; set {variables}.")
    photos = photos_of(place)
    names = {label: label for label in most_frequent(photos, _FEW_LABELS)}
    table = lesson.folder / "data" / "few.csv"
    write_table(table, folder_of(place), few(photos, names, _FEW_OF_EACH))
    os.environ[_FEW_PHOTOS.variable] = str(table)
    return _FEW_PHOTOS


def _is_trained(folder: Path) -> bool:
    if not folder.exists():
        return False
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    try:
        return not uri or run_of(uri, load_trained(folder).weights_sha256) is not None
    except MlflowException:  # away: to train again would leave no run either
        return True
