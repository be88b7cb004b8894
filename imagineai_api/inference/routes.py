"""Predictions for flows: on the private port, behind a shared secret, in no OpenAPI document."""

import hmac

from opentelemetry.trace import SpanKind
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from imagineai_api import tracing
from imagineai_api.errors import NoModel, Unauthorized
from imagineai_api.gone import CLIENT_GONE, unless_gone
from imagineai_api.inference.registry import ModelRegistry

SECRET_HEADER = "X-Inference-Secret"
VERSION_HEADER = "X-Model-Version"
URGENCY_HEADER = "X-Urgency"
PATIENT = "patient"


def routes(registry: ModelRegistry, secret: str) -> list[Route]:
    """Make the routes that flows ask for predictions."""

    async def predict(request: Request) -> Response:
        """Answer the findings of the picture in the body, and the version that made them."""
        _authorize(request, secret)
        image, version = await request.body(), request.headers.get(VERSION_HEADER)
        facts = {"file_size_bytes": len(image)}
        with tracing.continued("POST /predict", request.headers, facts, SpanKind.SERVER):
            urgent = request.headers.get(URGENCY_HEADER) != PATIENT
            found = await unless_gone(request.receive, registry.predict(image, version, urgent=urgent))
        if found is None:
            return Response(status_code=CLIENT_GONE)
        prediction, served = found
        return JSONResponse({"model_version": served, "prediction": prediction.as_dict()})

    async def serving(request: Request) -> JSONResponse:
        """Answer the version that is served; 503 where there is none."""
        _authorize(request, secret)
        if registry.champion is None:
            raise NoModel
        return JSONResponse({"model_version": registry.champion.version})

    return [Route("/predict", predict, methods=["POST"]), Route("/serving", serving)]


def _authorize(request: Request, secret: str) -> None:
    if not hmac.compare_digest(request.headers.get(SECRET_HEADER, "").encode(), secret.encode()):
        raise Unauthorized
