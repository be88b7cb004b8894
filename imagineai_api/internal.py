"""The private port, not for the world: predictions for flows, metrics for Prometheus, MLflow's webhook."""

from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from imagineai_api import metrics
from imagineai_api.errors import ImagineAIError
from imagineai_api.health import service as health
from imagineai_api.inference import routes as inference
from imagineai_api.inference import webhook
from imagineai_api.jobs.backlog import Backlog


def create_internal_app(public: Any) -> Starlette:
    """Make the application of the private port; it shares the connections of the public one."""
    state, backlog = public.state, Backlog()
    settings = state.settings

    async def read_metrics(_: Request) -> Response:
        """Answer the metrics; without the database the queue's keep their last values."""
        checks = await health.check_parts(state)
        for part, said in checks.items():
            metrics.part_up.labels(part).set(said == health.OK)
        if checks["database"] == health.OK:
            await backlog.read(state.database)
        return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)

    routes = [
        *inference.routes(state.models, settings.inference_secret),
        *webhook.routes(state.models, settings.model_webhook_secret),
        Route("/metrics", read_metrics),
    ]
    return Starlette(routes=routes, exception_handlers={ImagineAIError: _refuse})


async def _refuse(_: Request, error: Exception) -> JSONResponse:
    status = error.status if isinstance(error, ImagineAIError) else 500
    return JSONResponse({"error": type(error).__name__, "detail": str(error)}, status_code=status)
