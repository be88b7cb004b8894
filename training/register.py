"""Log a bundle with MLflow as a version of the model; once per bundle, however often it is called."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

# Read by MLflow when it is imported: fail within seconds where it is away, and keep the terminal clean.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from imagineai_vision.bundle import MODEL_CARD, BundleError, digest, open_bundle

CHAMPION: Final = "champion"
DIGEST_TAG: Final = "bundle.sha256"
COMPLETE_TAG: Final = "registration"
"""Set last, so that a registration cut short is finished by the next one."""

_DESCRIPTION: Final = (
    "Product photos in, findings out. The version that carries the alias **champion** is the one that the "
    "API serves; moving the alias swaps it without a restart. Each version's description is its model card."
)


@dataclass(frozen=True, slots=True)
class Registered:
    """The version that holds the bundle, and whether this call made it; None where nothing was to be done."""

    version: str | None
    is_new: bool


def main() -> int:
    """Register the folder named on the command line; a failure is one sentence on stderr and exit code 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--starter", type=Path, metavar="FOLDER", help="only into an empty registry, as champion"
    )
    what.add_argument("--bundle", type=Path, metavar="FOLDER", help="as a further version, without an alias")
    options = parser.parse_args()
    name = os.environ.get("MODEL_NAME", "imagineai")
    try:
        if options.starter:
            outcome = register_starter(options.starter, name)
        else:
            outcome = register(options.bundle, name)
    except BundleError as error:
        return _fail(f"Nothing was registered: {error}")
    except MlflowException as error:
        return _fail(_mlflow_failure(error))
    if outcome.version is None:
        sys.stdout.write(f"The registry has versions of {name} already; nothing was done.\n")
    else:
        state = "registered" if outcome.is_new else "registered already"
        sys.stdout.write(f"The bundle is {state} as version {outcome.version} of {name}.\n")
    return 0


def register_starter(folder: Path, name: str) -> Registered:
    """Register a bundle as version 1 and champion where the registry has no version of the model.

    Args:
        folder: The bundle.
        name: Of the registered model.

    Raises:
        BundleError: The folder is no whole bundle.
        MlflowException: MLflow is away or refuses.
    """
    client = _client()
    versions = _versions(client, name)
    if any(version.tags.get(COMPLETE_TAG) for version in versions):
        return Registered(None, is_new=False)
    sha256 = _checked_digest(folder)
    if any(version.tags.get(DIGEST_TAG) != sha256 for version in versions):
        return Registered(None, is_new=False)
    version = versions[0].version if versions else _log_version(client, folder, name, sha256)
    client.set_registered_model_alias(name, CHAMPION, version)
    client.set_model_version_tag(name, version, COMPLETE_TAG, "complete")
    return Registered(str(version), is_new=not versions)


def register(folder: Path, name: str) -> Registered:
    """Register a bundle as a further version, without any alias, unless it is registered already.

    Args:
        folder: The bundle.
        name: Of the registered model.

    Raises:
        BundleError: The folder is no whole bundle.
        MlflowException: MLflow is away or refuses.
    """
    client = _client()
    sha256 = _checked_digest(folder)
    for version in _versions(client, name):
        if version.tags.get(DIGEST_TAG) == sha256:
            return Registered(str(version.version), is_new=False)
    version = _log_version(client, folder, name, sha256)
    client.set_model_version_tag(name, version, COMPLETE_TAG, "complete")
    return Registered(version, is_new=True)


def _client() -> Any:
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        raise MlflowException("MLFLOW_TRACKING_URI is not set.")
    return MlflowClient()


def _checked_digest(folder: Path) -> str:
    open_bundle(folder)
    return digest(folder)


def _versions(client: Any, name: str) -> list[Any]:
    return list(client.search_model_versions(f"name = '{name}'"))


def _log_version(client: Any, folder: Path, name: str, sha256: str) -> str:
    """Log the bundle in a run of its own; the version appears with its tags and card, or not at all."""
    card = (folder / MODEL_CARD).read_text(encoding="utf-8")
    tags = {DIGEST_TAG: sha256, **_git_tags()}
    mlflow.set_experiment(name)
    with mlflow.start_run(run_name=f"register {folder.name}", tags=tags) as run:
        source = _log_model(folder)
    try:
        client.create_registered_model(name, description=_DESCRIPTION)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    version = client.create_model_version(
        name, source.model_uri, run.info.run_id, tags=tags, description=card, model_id=source.model_id
    )
    return str(version.version)


def _log_model(folder: Path) -> Any:
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory() as temporary:
        # MLflow keeps the folder's name: every version has its bundle under artifacts/bundle.
        bundle = shutil.copytree(folder, Path(temporary) / "bundle")
        return mlflow.pyfunc.log_model(
            name="model",
            python_model=str(here / "served_model.py"),
            artifacts={"bundle": str(bundle)},  # the signature follows from the type hints of predict
            code_paths=[str(here.parent / "imagineai_vision")],
            pip_requirements=[_pinned(package) for package in ("mlflow", "numpy", "onnxruntime", "pillow")],
        )


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


def _mlflow_failure(error: MlflowException) -> str:
    message = str(error).splitlines()[0]
    if "Max retries exceeded" in message or "timed out" in message:
        return f"Nothing was registered: MLflow at {os.environ['MLFLOW_TRACKING_URI']} cannot be reached."
    return f"Nothing was registered: {message}"


def _fail(sentence: str) -> int:
    sys.stderr.write(f"{sentence}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
