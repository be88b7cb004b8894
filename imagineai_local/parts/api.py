"""The service itself, `imagineai_api`: the public application and the internal prediction route."""

import json
import sys
from functools import partial

from imagineai_local.configuration import Configuration
from imagineai_local.http import request
from imagineai_local.part import Part


def part(configuration: Configuration) -> Part:
    """Describe the service; it waits for what it cannot answer without, the rest it waits for itself."""
    ports, url = configuration.ports, configuration.variables["IMAGINEAI_URL"]
    return Part(
        name="api",
        title="ImagineAI API",
        command=(sys.executable, "-m", "imagineai_api"),
        env=configuration.environment("api"),
        cwd=configuration.repository,
        log=configuration.home.log("api"),
        needs=("postgres", "redis", "s3"),
        after=("mlflow",),  # leaves the processor to Prefect, for which the workers wait
        ports={ports.api: "the ImagineAI API", ports.inference: "the prediction route"},
        address=url,
        ready=partial(_ready, url),
        grace_s=30,
    )


async def _ready(url: str) -> str:
    answer = await request(f"{url}/ready")
    return "" if answer.status == 200 else ", ".join(_missing(answer.body)) or "answers"


async def still_missing(configuration: Configuration) -> str:
    """Name what the running service still reports as not ok (a model, Prefect); empty when all is well."""
    answer = await request(f"{configuration.variables['IMAGINEAI_URL']}/ready")
    if not answer.status:
        return "answers"
    return ", ".join(_missing(answer.body))


def _missing(body: bytes) -> list[str]:
    try:
        checks = json.loads(body)["checks"]
        return [f"{name} ({said})" for name, said in checks.items() if said != "ok"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return ["its checks"]
