"""What MLflow keeps of a training, read again."""

from __future__ import annotations

from typing import Any

from mlflow import MlflowClient

from training.registry.model_versions import model_name, training_run


def run_of(uri: str, weights_sha256: str) -> Any | None:
    """Return the run that trained these weights, None where MLflow has none.

    Args:
        uri: Of MLflow.
        weights_sha256: Of the trained weights.

    Raises:
        MlflowException: MLflow is away or refuses.
    """
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(model_name())
    if experiment is None:
        return None
    return training_run(client, experiment.experiment_id, weights_sha256)


def curves(uri: str, run: Any) -> dict[str, list[float]]:
    """Return the values of each metric of a run, an epoch after the other.

    Raises:
        MlflowException: MLflow is away or refuses.
    """
    client = MlflowClient(uri)
    histories = {name: client.get_metric_history(run.info.run_id, name) for name in run.data.metrics}
    return {
        name: [point.value for point in sorted(history, key=lambda point: point.step)]
        for name, history in histories.items()
    }


def address(uri: str, run: Any) -> str:
    """Return where MLflow's pages show a run."""
    return f"{uri}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"
