"""Prefect's server and UI: which flow runs, which ran, and how it went."""

import sys
from functools import partial

from imagineai_local.configuration import Configuration
from imagineai_local.http import request
from imagineai_local.part import Part
from imagineai_local.ports import LOOPBACK


def part(configuration: Configuration) -> Part:
    """Describe the server; what `prefect server start` does around the same application is left out."""
    port, url = configuration.ports.prefect, configuration.variables["PREFECT_API_URL"]
    folder = configuration.home.data("prefect")
    database = configuration.database_url("prefect")
    for ours, asyncpgs in (("postgresql+psycopg:", "postgresql+asyncpg:"), ("sslmode=", "ssl=")):
        database = database.replace(ours, asyncpgs)
    return Part(
        name="prefect",
        title="Prefect",
        command=(
            sys.executable, "-m", "uvicorn", "--factory", "imagineai_local.prefect_server:create_app",
            "--app-dir", str(configuration.repository),
            "--host", LOOPBACK, "--port", str(port), "--log-level", "warning",
            "--timeout-graceful-shutdown", "2",
        ),
        env=configuration.prefect_environment(
            "prefect",
            PREFECT__SERVER_FINAL="1",
            PREFECT_SERVER_DATABASE_CONNECTION_URL=database,
            PREFECT_SERVER_UI_API_URL=url,
            PREFECT_UI_SERVE_BASE="/prefect",  # also its place on the operators' page
            PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT="false",
            PREFECT_UI_STATIC_DIRECTORY=str(folder / "ui"),  # else it writes into its own package
            # Without a login, any page in the user's browser could otherwise start what it likes.
            PREFECT_SERVER_CORS_ALLOWED_ORIGINS=f"http://{LOOPBACK}:{port},http://localhost:{port}",
            PREFECT_SERVER_LOGGING_LEVEL="WARNING",
        ),
        cwd=folder,
        log=configuration.home.log("prefect"),
        needs=("postgres",),
        ports={port: "Prefect"},
        address=configuration.variables["PREFECT_UI_URL"],
        ready=partial(_ready, url),
    )  # fmt: skip


async def _ready(url: str) -> str:
    answer = await request(f"{url}/health", timeout_s=60)
    return "" if answer.status == 200 else "its API"
