"""GET /health and /ready."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from imagineai_api.error_answers import errors
from imagineai_api.health import service as health

router = APIRouter(tags=["Health Checks"])


class Health(BaseModel):
    """The process answers."""

    status: str = "healthy"


class Readiness(BaseModel):
    """What the service depends on: each part "ok" or "error: ..."."""

    status: str
    checks: dict[str, str]


@router.get("/health", summary="Liveness", responses=errors())
async def get_health() -> Health:
    """Say that the process answers."""
    return Health()


@router.get(
    "/ready",
    summary="Readiness",
    responses={**errors(), 503: {"model": Readiness, "description": "A part that uploads need is away."}},
    response_model=Readiness,
)
async def get_readiness(request: Request) -> JSONResponse:
    """Check every part. Models and Prefect are told, not fatal: uploads are accepted and wait for them."""
    checks = await health.check_parts(request.app.state)
    ready = health.is_ready(checks)
    body = Readiness(status="ready" if ready else "not_ready", checks=checks)
    return JSONResponse(body.model_dump(), status_code=200 if ready else 503)
