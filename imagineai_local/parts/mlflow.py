"""MLflow's tracking server, registry and UI: which model is the champion."""

import sys
from functools import partial

from imagineai_local import webhook
from imagineai_local.configuration import BUCKETS, Configuration
from imagineai_local.http import request
from imagineai_local.part import Part
from imagineai_local.ports import LOOPBACK


def part(configuration: Configuration) -> Part:
    """Describe the server: rows in PostgreSQL, artifacts through the server in S3.

    `mlflow server` would import everything twice and put a wrapper between us and the server that listens;
    so its server is started as that wrapper does it, by the variables of `mlflow.server.constants`.
    """
    port, url = configuration.ports.mlflow, configuration.variables["MLFLOW_TRACKING_URI"]
    return Part(
        name="mlflow",
        title="MLflow",
        command=(
            sys.executable, "-m", "uvicorn", "--host", LOOPBACK, "--port", str(port),
            "--log-level", "warning", "--timeout-graceful-shutdown", "2", "mlflow.server.fastapi_app:app",
        ),
        env=configuration.environment(
            "mlflow",
            _MLFLOW_SERVER_FILE_STORE=configuration.database_url("mlflow"),
            _MLFLOW_SERVER_ARTIFACT_ROOT="mlflow-artifacts:/",
            _MLFLOW_SERVER_ARTIFACT_DESTINATION=f"s3://{BUCKETS['mlflow']}",
            _MLFLOW_SERVER_SERVE_ARTIFACTS="true",
            MLFLOW_S3_ENDPOINT_URL=configuration.variables["S3_ENDPOINT_URL"],
            MLFLOW_FLASK_SERVER_SECRET_KEY=configuration.secrets.mlflow_sessions,
            MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",  # four processes and 1.3 GB for what nobody uses here
            MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY=configuration.secrets.mlflow_webhooks,
            MLFLOW_WEBHOOK_ALLOWED_SCHEMES="http,https",
            MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS="true",
            MLFLOW_WEBHOOK_CACHE_TTL="5",
        ),
        cwd=configuration.home.data("mlflow"),
        log=configuration.home.log("mlflow"),
        needs=("postgres", "s3"),
        ports={port: "MLflow"},
        address=url,
        ready=partial(
            _ready,
            url,
            f"{configuration.variables['INFERENCE_URL']}/promoted",
            configuration.secrets.model_webhook,
        ),
    )  # fmt: skip


async def _ready(url: str, told: str, secret: str) -> str:
    """Look into the registry, which makes its tables on the first look, and have it tell of promotions."""
    answer = await request(f"{url}/api/2.0/mlflow/registered-models/search?max_results=1", timeout_s=60)
    if answer.status != 200:
        return "its registry"
    return "" if await webhook.ensure(url, told, secret) else "its webhook"
