"""GET /health and /ready."""

import asyncio
from collections.abc import Awaitable

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from imagineai_api.error_answers import errors
from imagineai_api.errors import ImagineAIError

FATAL = frozenset({"database", "redis", "storage"})
CHECK_TIMEOUT_S = 5

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
    state = request.app.state
    parts = {
        "database": state.database.check(),
        "redis": state.redis.check(),
        "storage": state.storage.check(),
        "models": _models(request),
        "prefect": state.prefect.check(),
    }
    outcomes = await asyncio.gather(*(_outcome(check) for check in parts.values()))
    checks = dict(zip(parts, outcomes, strict=True))
    ready = all(checks[part] == "ok" for part in FATAL)
    body = Readiness(status="ready" if ready else "not_ready", checks=checks)
    return JSONResponse(body.model_dump(), status_code=200 if ready else 503)


async def _models(request: Request) -> None:
    request.app.state.models.check()


async def _outcome(check: Awaitable[None]) -> str:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            await check
    except ImagineAIError as error:
        return f"error: {error}"
    except TimeoutError:
        return f"error: no answer within {CHECK_TIMEOUT_S} seconds"
    return "ok"
