"""GET /health and /ready."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from imagineai_api.documentation.errors import errors_without_gate
from imagineai_api.documentation.examples import shown
from imagineai_api.health import service as health

router = APIRouter(tags=["Health Checks"])
PARTS = dict.fromkeys(("database", "redis", "storage", "models", "prefect"), "ok")


class Health(BaseModel):
    """The process answers."""

    model_config = shown({"status": "healthy"})

    status: str = "healthy"


class Readiness(BaseModel):
    """What the service depends on: each part "ok" or "error: ..."."""

    model_config = shown({"status": "ready", "checks": PARTS})

    status: str
    checks: dict[str, str]


REDIS_IS_AWAY = {"status": "not_ready", "checks": {**PARTS, "redis": "error: Redis is away."}}
NOT_READY = {
    "model": Readiness,
    "description": "A part that uploads need is away.",
    "content": {"application/json": {"example": REDIS_IS_AWAY}},
}


@router.get("/health", summary="Liveness", responses=errors_without_gate())
async def get_health() -> Health:
    """Say that the process answers."""
    return Health()


@router.get(
    "/ready",
    summary="Readiness",
    responses={**errors_without_gate(), 503: NOT_READY},
    response_model=Readiness,
)
async def get_readiness(request: Request) -> JSONResponse:
    """Check every part. Models and Prefect are told, not fatal: uploads are accepted and wait for them."""
    checks = await health.check_parts(request.app.state)
    ready = health.is_ready(checks)
    body = Readiness(status="ready" if ready else "not_ready", checks=checks)
    return JSONResponse(body.model_dump(), status_code=200 if ready else 503)
