"""The internal prediction service: a loopback port of its own, a shared secret, in no OpenAPI document."""

import hmac

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from imagineai_api.errors import ImagineAIError, NoModel, Unauthorized
from imagineai_api.inference.registry import ModelRegistry

SECRET_HEADER = "X-Inference-Secret"
VERSION_HEADER = "X-Model-Version"


def create_internal_app(registry: ModelRegistry, secret: str) -> Starlette:
    """Make the application that flows ask for predictions."""

    async def predict(request: Request) -> JSONResponse:
        """Answer the findings of the picture in the body, and the version that made them."""
        _authorize(request, secret)
        image, version = await request.body(), request.headers.get(VERSION_HEADER)
        prediction, served = await registry.predict(image, version)
        return JSONResponse({"model_version": served, "prediction": prediction.as_dict()})

    async def serving(request: Request) -> JSONResponse:
        """Answer the version that is served; 503 where there is none."""
        _authorize(request, secret)
        if registry.champion is None:
            raise NoModel
        return JSONResponse({"model_version": registry.champion.version})

    async def refuse(_: Request, error: Exception) -> JSONResponse:
        status = error.status if isinstance(error, ImagineAIError) else 500
        return JSONResponse({"error": type(error).__name__, "detail": str(error)}, status_code=status)

    routes = [Route("/predict", predict, methods=["POST"]), Route("/serving", serving)]
    return Starlette(routes=routes, exception_handlers={ImagineAIError: refuse})


def _authorize(request: Request, secret: str) -> None:
    if not hmac.compare_digest(request.headers.get(SECRET_HEADER, "").encode(), secret.encode()):
        raise Unauthorized
