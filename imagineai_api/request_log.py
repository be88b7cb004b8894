"""Structured logs: one JSON object a line, with the ids of request, user and job; no secret."""

import contextvars
import json
import logging
import re
import time
from datetime import UTC, datetime
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imagineai_api import tracing

log = logging.getLogger(__name__)

request_id: contextvars.ContextVar[str | None] = contextvars.ContextVar("request_id", default=None)
job_id: contextvars.ContextVar[str | None] = contextvars.ContextVar("job_id", default=None)

REQUEST_ID_HEADER = "X-Request-ID"
SAFE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
SECRETS = (
    re.compile(r"(?i)(token=|bearer\s+|password[\"']?\s*[:=]\s*[\"']?|signature=)[^\s&\"'@]+"),
    re.compile(r"(whsec_)[A-Za-z0-9+/=]+"),
    re.compile(r"(://[^/:@\s]*:)[^\s@/]+(?=@)"),
    re.compile(r"(DETAIL:).*"),  # PostgreSQL's: the row or the key that somebody sent
)


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON, secrets redacted."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
            "request_id": request_id.get(),
            "job_id": job_id.get(),
            "trace_id": tracing.trace_id(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps({key: value for key, value in line.items() if value is not None})


def redact(text: str) -> str:
    """Take tokens, passwords and signatures out of a text."""
    for secrets in SECRETS:
        text = secrets.sub(r"\1***", text)
    return text


def configure(level: str) -> None:
    """Send every logger of the process through the one format."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)  # a library's warning is a line like any other
    for noisy in ("uvicorn.access", "httpx", "httpcore", "botocore", "alembic", "mlflow"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True


class RequestLog:
    """ASGI middleware: gives each request its id, echoes it, and writes one line when it ends."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        asked = _header(scope, REQUEST_ID_HEADER)
        this_id = asked if asked and SAFE_ID.fullmatch(asked) else uuid4().hex
        request_id.set(this_id)
        started, status = time.perf_counter(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"].endswith("http.response.start"):
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", this_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            if scope["type"] == "http":
                _write(scope, status, time.perf_counter() - started)


def _write(scope: Scope, status: int, seconds: float) -> None:
    user = scope.get("state", {}).get("user")
    fields = {
        "method": scope["method"],
        "path": scope["path"],
        "status": status,
        "duration_ms": round(seconds * 1000, 1),
        "user_id": None if user is None else str(user.id),
    }
    log.info("%s %s %d", scope["method"], scope["path"], status, extra={"fields": fields})


def _header(scope: Scope, name: str) -> str | None:
    wanted = name.lower().encode()
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == wanted), None)
