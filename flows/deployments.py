"""``python -m flows.deployments``: tell Prefect of the work pools and of what runs in them."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.flows import Flow
from prefect.utilities.callables import parameter_schema
from pydantic import ValidationError

from flows.batch import process_batch
from flows.housekeeping import housekeeping
from flows.importing import import_products
from flows.processing import process_images
from flows.retraining import retrain
from imagineai_api.errors import SettingsError
from imagineai_api.orchestrator import TAG
from imagineai_api.settings import read_settings

SET_DIRECTORY = "prefect.deployments.steps.set_working_directory"
ROOT = Path(__file__).resolve().parent.parent
DEPLOYMENTS: tuple[tuple[Flow[Any, Any], str, str], ...] = (
    (process_images, "interactive", "flows.processing.process_images"),
    (process_batch, "batch", "flows.batch.process_batch"),
    (import_products, "batch", "flows.importing.import_products"),
    (retrain, "batch", "flows.retraining.retrain"),
    (housekeeping, "batch", "flows.housekeeping.housekeeping"),
)
"""Flow, name of its work pool and of its deployment, where a worker imports it from."""


async def deploy() -> None:
    """Create or update pools and deployments; running it again changes nothing.

    Retraining needs a checkout with its pipeline, which images do not have: there it is left out.

    Raises:
        SettingsError: A variable is wrong.
    """
    kept = [each for each in DEPLOYMENTS if each[0] is not retrain or (ROOT / "dvc.yaml").is_file()]
    schedules = {housekeeping.name: _schedules(read_settings().housekeeping_cron)}
    async with get_client() as client:
        for flow, pool, entrypoint in kept:
            await _ensure_pool(client, pool)
            flow_id = await client.create_flow_from_name(flow.name)
            await client.create_deployment(
                flow_id=flow_id,
                name=pool,
                work_pool_name=pool,
                entrypoint=entrypoint,
                # Without a pull step Prefect copies the whole folder, environment included, for every run.
                pull_steps=[{SET_DIRECTORY: {"directory": str(ROOT)}}],
                job_variables={"command": f"{sys.executable} {ROOT / 'flows' / 'warm.py'}"},
                parameter_openapi_schema=parameter_schema(flow).model_dump(exclude_unset=True),
                enforce_parameter_schema=False,
                description=flow.description,
                tags=[TAG],
                schedules=schedules.get(flow.name),
            )


def _schedules(cron: str) -> list[DeploymentScheduleCreate]:
    if not cron.strip():
        return []
    try:
        return [DeploymentScheduleCreate(schedule=CronSchedule(cron=cron, timezone="UTC"))]
    except ValidationError as error:
        raise SettingsError('HOUSEKEEPING_CRON: must look like "23 */6 * * *".') from error


async def _ensure_pool(client: PrefectClient, name: str) -> None:
    try:
        await client.read_work_pool(name)
    except ObjectNotFound:
        await client.create_work_pool(WorkPoolCreate(name=name, type="process"))


def main() -> int:
    """Deploy; say in a sentence what is in the way."""
    try:
        asyncio.run(deploy())
    except (httpx.HTTPError, PrefectException) as error:
        sys.stderr.write(f"PREFECT_API_URL: the deployments were not created: {error}\n")
        return 1
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
