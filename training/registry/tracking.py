"""The run that MLflow keeps of a training, where MLflow is configured and there."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

# Read by MLflow when it is imported: fail within seconds where it is away, and keep the terminal clean.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

from lightning.pytorch.loggers import MLFlowLogger
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from training.registry.model_versions import WEIGHTS_TAG, training_run


class TrainingLog(MLFlowLogger):  # type: ignore[misc]  # lightning is not typed
    """Lightning's log in MLflow; where MLflow goes away, the training goes on without it."""

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        """Log numbers, or say once that they are not logged any more."""
        if self.is_away:
            return
        try:
            super().log_metrics(metrics, step)
        except MlflowException:
            self.is_away = True
            sys.stderr.write("MLflow cannot be reached any more; the training goes on without logging.\n")

    is_away = False


def open_log(name: str, run_name: str, tags: dict[str, str]) -> TrainingLog | None:
    """Return the log of a new run; None, after a sentence, where MLflow is not configured or away.

    Args:
        name: Of the experiment.
        run_name: Of the run.
        tags: Of the run.
    """
    uri = _reachable_uri("The training")
    if uri is None:
        return None
    log = TrainingLog(experiment_name=name, run_name=run_name, tracking_uri=uri, tags=tags)
    log.experiment  # noqa: B018  # creates the run now instead of at the first number
    return log


def log_results(name: str, weights_sha256: str, metrics: dict[str, float], files: list[Path]) -> None:
    """Add metrics and files to the run that trained these weights, or to a run of their own.

    Args:
        name: Of the experiment.
        weights_sha256: Of the trained weights.
        metrics: By name.
        files: Pictures and reports.
    """
    uri = _reachable_uri("The evaluation")
    if uri is None:
        return
    client = MlflowClient(uri)
    try:
        run = _run(client, name, weights_sha256)
        for key, value in metrics.items():
            client.log_metric(run, key, value)
        for file in files:
            client.log_artifact(run, str(file), "evaluation")
    except MlflowException as error:
        sys.stderr.write(f"The evaluation is not in MLflow: {str(error).splitlines()[0]}\n")


def _run(client: Any, name: str, weights_sha256: str) -> str:
    experiment = client.get_experiment_by_name(name)
    number = experiment.experiment_id if experiment else client.create_experiment(name)
    run = training_run(client, number, weights_sha256) or client.create_run(
        number, run_name="evaluate", tags={WEIGHTS_TAG: weights_sha256}
    )
    return str(run.info.run_id)


def _reachable_uri(what: str) -> str | None:
    """Return the address of MLflow, or say why what is done is not logged."""
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        sys.stderr.write(f"{what} is not logged: MLFLOW_TRACKING_URI is not set.\n")
        return None
    if uri.startswith("http"):
        try:
            urllib.request.urlopen(f"{uri}/health", timeout=5).close()  # noqa: S310  # http by the line above
        except OSError:
            sys.stderr.write(f"{what} is not logged: MLflow at {uri} cannot be reached.\n")
            return None
    return uri
