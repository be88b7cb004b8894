"""Registers the model that lies in the repository, so that a new registry has something to serve."""

import sys
from functools import partial

from imagineai_local.configuration import Configuration
from imagineai_local.http import request
from imagineai_local.part import Part


def part(configuration: Configuration) -> Part:
    """Describe the command; it is not even started where the registry has a champion already."""
    variables = configuration.variables
    return Part(
        name="starter",
        title="Starter model",
        command=(sys.executable, "-m", "training.register", "--starter", "models/shop"),
        env=configuration.environment("starter"),
        cwd=configuration.repository,
        log=configuration.home.log("starter"),
        needs=("s3", "mlflow"),
        once=True,
        needless=partial(_served, variables["MLFLOW_TRACKING_URI"], variables["MODEL_NAME"]),
    )


async def _served(url: str, model: str) -> bool:
    """Whether the registry has a champion; what lacks one may be a registration that was cut short."""
    answer = await request(
        f"{url}/api/2.0/mlflow/registered-models/alias?name={model}&alias=champion", timeout_s=30
    )
    return answer.status == 200
