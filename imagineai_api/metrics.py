"""What this process tells Prometheus; docs/observing.md lists the names.

Labels come from short lists only: what a caller chooses (paths, methods) never becomes one.
"""

import time
from typing import Final

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics
from starlette.types import ASGIApp, Message, Receive, Scope, Send

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, which nobody reads

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER: Final = "other"
NO_ROUTE: Final = "none"
NO_ANSWER: Final = "none"
REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
PREDICTION_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12)

requests = Counter(
    "imagineai_http_requests",
    "Requests answered; status none: left without an answer.",
    ("method", "route", "status"),
)
request_seconds = Histogram(
    "imagineai_http_request_duration_seconds",
    "From the first byte of a request to the last of its answer.",
    ("method", "route"),
    buckets=REQUEST_BUCKETS,
)
requests_in_flight = Gauge("imagineai_http_requests_in_flight", "Requests that are being answered.")
sockets_open = Gauge("imagineai_websockets_open", "WebSockets that are being served.")
rate_limited = Counter("imagineai_rate_limited", "Requests and sockets over their limit.", ("tier",))
logins = Counter("imagineai_logins", "Attempts to log in.", ("outcome",))
refreshes = Counter("imagineai_token_refreshes", "Exchanges of refresh tokens.", ("outcome",))

predictions = Counter("imagineai_predictions", "Pictures looked at.", ("version", "outcome"))
prediction_seconds = Histogram(
    "imagineai_prediction_duration_seconds",
    "Of one picture: waiting for a slot, and each part of the work.",
    ("stage",),
    buckets=PREDICTION_BUCKETS,
)
predictions_held = Gauge("imagineai_predictions_held", "Pictures that wait for a slot or are looked at.")
model_served = Gauge(
    "imagineai_model_served", "1 for the version that answers.", ("model", "version", "run_id")
)

queue_images = Gauge("imagineai_queue_images", "Images of open jobs.", ("queue", "status"))
queue_oldest_seconds = Gauge(
    "imagineai_queue_oldest_seconds", "How long the oldest image of an open job has been there.", ("queue",)
)
jobs_ended = Counter("imagineai_jobs_ended", "Jobs that ended.", ("job_type", "status"))
jobs_ended_seconds = Counter(
    "imagineai_jobs_ended_duration_seconds", "From acceptance to end, added up.", ("job_type", "status")
)
webhook_deliveries = Counter("imagineai_webhook_deliveries", "Calls of webhooks.", ("outcome",))
outbox_waiting = Gauge("imagineai_outbox_waiting", "What must still happen elsewhere: deletions, batch runs.")
shifts_open = Gauge("imagineai_shifts_open", "Flow runs that serve single uploads.")
part_up = Gauge("imagineai_part_up", "1 where a part answers, as /ready tells it.", ("part",))


class CountedRequests:
    """ASGI middleware: counts and times requests by the template of their route."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._templates: dict[int, str] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket."""
        if scope["type"] == "websocket":
            with sockets_open.track_inprogress():
                await self._app(scope, receive, send)
        elif scope["type"] == "http":
            with requests_in_flight.track_inprogress():
                await self._count(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _count(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, status = time.perf_counter(), NO_ANSWER

        async def noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, noting_status)
        finally:
            method = scope["method"] if scope["method"] in METHODS else OTHER
            route = self._template(scope)
            requests.labels(method, route, status).inc()
            request_seconds.labels(method, route).observe(time.perf_counter() - began)

    def _template(self, scope: Scope) -> str:
        if self._templates is None:
            self._templates = _templates(scope["app"])
        return self._templates.get(id(scope.get("route")), NO_ROUTE)


def _templates(app: FastAPI) -> dict[int, str]:
    """Map the identity of every route to its whole path, the prefixes of its routers included."""
    return {id(context.original_route): str(context.path) for context in iter_route_contexts(app.routes)}
