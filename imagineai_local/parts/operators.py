"""The operators' page: Prefect, MLflow and JupyterLab behind a sign-in, on an origin of its own."""

import sys
from functools import partial

from imagineai_local.configuration import Configuration
from imagineai_local.http import request
from imagineai_local.part import Part
from imagineai_local.ports import LOOPBACK


def part(configuration: Configuration) -> Part:
    """Describe the page; it needs of the service only the tables that it has made."""
    port = configuration.ports.operators
    return Part(
        name="operators",
        title="Operators' page",
        command=(sys.executable, "-m", "imagineai_api.operators"),
        env=configuration.environment("operators"),
        cwd=configuration.repository,
        log=configuration.home.log("operators"),
        needs=("api",),
        late=True,
        ports={port: "the operators' page"},
        address=f"http://{LOOPBACK}:{port}/",
        ready=partial(_ready, f"http://{LOOPBACK}:{port}/health"),
    )


async def _ready(url: str) -> str:
    answer = await request(url)
    return "" if answer.status == 200 else "connections"
