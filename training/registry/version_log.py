"""Write a bundle into MLflow: a run that holds it and its reports, and a version that names the run."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import mlflow
from mlflow.exceptions import MlflowException

import imagineai_vision
from imagineai_vision.bundle import MODEL_CARD
from training.registry.model_versions import DIGEST_TAG, training_run

METRICS: Final = "metrics.json"

_DESCRIPTION: Final = (
    "Product photos in, findings out. The version that carries the alias **champion** is the one that the "
    "API serves; moving the alias swaps it without a restart. Each version's description is its model card."
)
_METRICS_A_CALL: Final = 500
_LONGEST_DESCRIPTION: Final = 5000
"""Of a version, in characters: MLflow's databases hold no more."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a version comes from, beside its bundle.

    Attributes:
        tags: Hashes of the data and of the split that it was judged on.
        reports: Folders whose files are kept with the run, by the name of the folder there.
        weights_sha256: Of the weights as they were trained; names the run that trained them.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    reports: Mapping[str, Path] = field(default_factory=dict)
    weights_sha256: str | None = None


def log_version(client: Any, folder: Path, name: str, sha256: str, origin: Origin) -> str:
    """Log a bundle in the run that trained it, else in one of its own; a version appears whole or not at all.

    Returns:
        The version's number.
    """
    card = (folder / MODEL_CARD).read_text(encoding="utf-8")
    tags = {DIGEST_TAG: sha256, **_git_tags(), **origin.tags}
    experiment = mlflow.set_experiment(name).experiment_id
    marked = origin.weights_sha256 and training_run(client, experiment, origin.weights_sha256)
    with mlflow.start_run(
        run_id=marked.info.run_id if marked else None, run_name=f"register {folder.name}"
    ) as run:
        mlflow.set_tags(tags)
        source = _log_model(folder)
        for title, reports in origin.reports.items():
            _log_reports(title, reports, leave_out=folder)
    try:
        client.create_registered_model(name, description=_DESCRIPTION)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    version = client.create_model_version(
        name,
        source.model_uri,
        run.info.run_id,
        tags=tags,
        description=_described(card),
        model_id=source.model_id,
    )
    return str(version.version)


def _described(card: str) -> str:
    """Cut a card to what MLflow takes as a description, at the end of a line, and say where the rest is."""
    if len(card) <= _LONGEST_DESCRIPTION:
        return card
    rest = f"\n\nThe rest stands in {MODEL_CARD} of the version's artifacts."
    whole_lines, _, _ = card[: _LONGEST_DESCRIPTION - len(rest)].rpartition("\n")
    return whole_lines + rest


def _log_model(folder: Path) -> Any:
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory() as temporary:
        # MLflow keeps the folder's name: every version has its bundle under artifacts/bundle.
        bundle = shutil.copytree(folder, Path(temporary) / "bundle")
        return mlflow.pyfunc.log_model(
            name="model",
            python_model=str(here / "served_model.py"),
            artifacts={"bundle": str(bundle)},  # the signature follows from the type hints of predict
            code_paths=[str(Path(imagineai_vision.__file__).parent)],
            pip_requirements=[_pinned(package) for package in ("mlflow", "numpy", "onnxruntime", "pillow")],
        )


def _log_reports(title: str, folder: Path, leave_out: Path) -> None:
    """Keep a folder's reports, pictures of a data set excepted, and its figures as the run's metrics."""
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and not path.is_relative_to(leave_out) and inside.parts[0] != "pictures":
            mlflow.log_artifact(str(path), artifact_path=(Path(title) / inside.parent).as_posix())
    if (folder / METRICS).exists():
        figures = list(_figures(json.loads((folder / METRICS).read_text(encoding="utf-8"))))
        for first in range(0, len(figures), _METRICS_A_CALL):
            mlflow.log_metrics(dict(figures[first : first + _METRICS_A_CALL]))


def _figures(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, float]]:
    """Yield each number of a tree with the dotted path to it; MLflow refuses most punctuation in names."""
    for key, value in tree.items():
        name = path + "".join(sign if sign.isalnum() or sign in "_-. /" else "_" for sign in key)
        if isinstance(value, Mapping):
            yield from _figures(value, f"{name}.")
        elif isinstance(value, int | float):
            yield name, float(value)


def _pinned(package: str) -> str:
    return f"{package}=={importlib.metadata.version(package)}"


def _git_tags() -> dict[str, str]:
    """Return the commit that the code came from, where it is a checkout."""
    here = Path(__file__).parent
    command = ("git", "-C", str(here), "describe", "--always", "--abbrev=40", "--dirty")
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"git.commit": answer.stdout.strip()}
