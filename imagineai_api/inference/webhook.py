"""MLflow tells of a moved alias: a signed call on the private port, which only hastens the next look."""

import base64
import hmac
import time
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from imagineai_api.errors import Unauthorized
from imagineai_api.inference.registry import ModelRegistry

FRESH_S = 300
"""An older call is a repeated one."""


def routes(registry: ModelRegistry, secret: str | None) -> list[Route]:
    """Make the route that MLflow calls; none where there is no secret to know it by."""
    if secret is None:
        return []

    async def promoted(request: Request) -> Response:
        """Look up the alias now. What the call says is not believed: the registry is asked."""
        authorize(request.headers, await request.body(), secret)
        registry.wake()
        return Response(status_code=204)

    return [Route("/promoted", promoted, methods=["POST"])]


def authorize(headers: Mapping[str, str], body: bytes, secret: str) -> None:
    """Check MLflow's signature: HMAC-SHA256 over id, time and body, joined by dots.

    Raises:
        Unauthorized: It is missing, wrong or old.

    Source:
        https://www.standardwebhooks.com, as ``mlflow.webhooks.delivery`` has it.
    """
    moment = headers.get("X-MLflow-Timestamp", "")
    head = f"{headers.get('X-MLflow-Delivery-Id', '')}.{moment}.".encode()
    signature = base64.b64encode(hmac.digest(secret.encode(), head + body, "sha256"))
    given = headers.get("X-MLflow-Signature", "").encode()
    is_fresh = moment.isascii() and moment.isdecimal() and abs(time.time() - int(moment)) < FRESH_S
    if not (hmac.compare_digest(given, b"v1," + signature) and is_fresh):
        raise Unauthorized("The webhook's signature is missing, wrong or old.")
