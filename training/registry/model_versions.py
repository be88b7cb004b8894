"""The model's versions in MLflow: which there are, what their aliases and tags mean, where bundles lie."""

from __future__ import annotations

import getpass
import os
import socket
from datetime import UTC, datetime
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

from imagineai_vision.bundle import BundleError, digest

CHAMPION: Final = "champion"
"""The alias of the version that the API serves."""
CHALLENGER: Final = "challenger"
"""The alias of the version that was registered last and is not promoted yet."""

DIGEST_TAG: Final = "bundle.sha256"
WEIGHTS_TAG: Final = "weights.sha256"
"""Ties what is registered to the run that trained, without a run id in any output."""
TEST_SPLIT_TAG: Final = "test_split.sha256"
COMPLETE_TAG: Final = "registration"
"""Set last, so that a registration cut short is finished by the next one."""
OUTCOME_TAG: Final = "gate.outcome"
"""passed, refused, forced, or starter: the first version, which had nobody to be compared with."""
MAY_COME_BACK: Final = frozenset({"passed", "starter"})
DATA_REPORTS: Final = "data"
"""The folder of a version's run that has the record of its photos."""
PREVIOUS_TAG: Final = "promotion.previous"
ROLLED_BACK_TAG: Final = "promotion.rolled_back"


def model_name() -> str:
    """Return the registered model's name: MODEL_NAME, or the usual one."""
    return os.environ.get("MODEL_NAME") or "imagineai"


def connect() -> Any:
    """Return MLflow's client for the server that MLFLOW_TRACKING_URI names.

    Raises:
        MlflowException: The variable is not set.
    """
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        raise MlflowException("MLFLOW_TRACKING_URI is not set.")
    return MlflowClient()


def training_run(client: Any, experiment: str, weights_sha256: str) -> Any | None:
    """Return the run that `train` marked with the hash of its weights; None where MLflow was away then.

    Args:
        client: Of MLflow.
        experiment: Its id.
        weights_sha256: Of the trained weights.
    """
    found = client.search_runs([experiment], f"tags.`{WEIGHTS_TAG}` = '{weights_sha256}'", max_results=1)
    return found[0] if found else None


def versions(client: Any, name: str) -> list[Any]:
    """List all versions of a model; none where there is no such model."""
    return list(client.search_model_versions(f"name = '{name}'"))


def with_alias(client: Any, name: str, alias: str) -> Any | None:
    """Return the version that carries an alias, None where none does."""
    try:
        return client.get_model_version_by_alias(name, alias)
    except MlflowException as error:
        # How MLflow says that the alias, or the whole model, does not exist.
        if error.error_code in {"INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"}:
            return None
        raise


def download(version: Any, folder: Path) -> Path:
    """Bring a version's bundle into a folder and return where it lies.

    Raises:
        BundleError: It is not the one that was registered.
        MlflowException: MLflow is away or refuses.
    """
    uri = f"models:/{version.name}/{version.version}"
    bundle = Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(folder))) / "artifacts" / "bundle"
    if digest(bundle) != version.tags.get(DIGEST_TAG):
        raise BundleError(f"The bundle of version {version.version} is not the one that was registered.")
    return bundle


def download_data(version: Any, folder: Path) -> Path:
    """Bring the record of a version's data into a folder: what the stage `prepare` wrote, without pictures.

    Raises:
        MlflowException: MLflow is away, or has no such record.
    """
    brought = mlflow.artifacts.download_artifacts(
        run_id=version.run_id, artifact_path=DATA_REPORTS, dst_path=str(folder)
    )
    return Path(brought)


def by_whom() -> str:
    """Say who does something to the registry, and when, for a tag."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return f"{getpass.getuser()} on {socket.gethostname()} at {now}"


def in_a_sentence(error: MlflowException) -> str:
    """Say what MLflow's failure means to a person."""
    message = str(error).splitlines()[0]
    if "Max retries exceeded" in message or "timed out" in message:
        return f"MLflow at {os.environ['MLFLOW_TRACKING_URI']} cannot be reached."
    return message
