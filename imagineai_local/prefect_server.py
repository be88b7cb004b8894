"""Prefect's own server, made to keep its schedules with SQLAlchemy 2.1.

Prefect 3.8 inserts scheduled runs as rows that carry their state beside the columns, and writes the state
by itself afterwards. SQLAlchemy 2.0 passed over what is no column; 2.1 refuses it, so that no run of any
schedule was ever made. Here the state is passed over again.
"""

from collections.abc import MutableMapping
from typing import Any

from fastapi import FastAPI
from prefect.server.api import server
from prefect.server.database.orm_models import FlowRun
from prefect.settings import PREFECT_UI_SERVE_BASE
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route


def create_app() -> FastAPI:
    """Make the application that `prefect server start` serves; its first page leads to its UI."""
    vars(FlowRun)["state"].inplace.bulk_dml(_pass_over)
    app = server.create_app()
    app.router.routes.insert(0, Route("/", _go_to_pages))
    return app


async def _go_to_pages(_: Request) -> RedirectResponse:
    return RedirectResponse(f"{PREFECT_UI_SERVE_BASE.value()}/")


def _pass_over(_table: type[FlowRun], _row: MutableMapping[str, Any], _state: object) -> None:
    """Leave a row as it is."""
