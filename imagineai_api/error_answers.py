"""One form for every error, whatever made it: ``{"detail": "<one sentence>"}``."""

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imagineai_api.errors import (
    BadRequest,
    ImagineAIError,
    Invalid,
    MethodNotAllowed,
    NotFound,
    TooLarge,
    Unauthorized,
    UnsupportedType,
)

log = logging.getLogger(__name__)


SAID = {
    "uuid_parsing": "must be a UUID",
    "uuid_type": "must be a UUID",
    "model_attributes_type": "must be a JSON object",
}
"""Where Pydantic's own words would echo the input, or speak of Python."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


def install(app: FastAPI) -> None:
    """Answer every error of an application in the one form."""
    app.add_exception_handler(ImagineAIError, _answer_own)
    app.add_exception_handler(RequestValidationError, _answer_validation)
    app.add_exception_handler(HTTPException, _answer_framework)


def answer(error: ImagineAIError) -> JSONResponse:
    """Make the answer of one error."""
    return JSONResponse({"detail": str(error)}, status_code=error.status, headers=error.headers)


class CrashAnswers:
    """ASGI middleware, the innermost: a crash is a 500 with the headers and the log line of any answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        has_begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal has_begun
            has_begun = has_begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except Exception:
            if scope["type"] != "http" or has_begun:
                raise
            log.exception("%s %s crashed", scope["method"], scope["path"])
            await answer(ImagineAIError())(scope, receive, send)


async def _answer_own(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, ImagineAIError):
        raise TypeError from error
    if error.status >= 500:
        # A part that is away is no fault of a line here: its name and reason say more than a traceback.
        log.warning("Answered %d: %s (%s)", error.status, error, _reason(error.__cause__))
    return answer(error)


async def _answer_validation(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise TypeError from error
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return answer(BadRequest())
    return answer(Invalid(_sentence(first)))


async def _answer_framework(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise TypeError from error
    known = {
        kind.status: kind
        for kind in (BadRequest, Unauthorized, NotFound, MethodNotAllowed, TooLarge, UnsupportedType)
    }
    reply = answer(known.get(error.status_code, ImagineAIError)())
    if error.headers and "allow" in {name.lower() for name in error.headers}:
        reply.headers["Allow"] = ", ".join(_allowed(request))
    return reply


def _allowed(request: Request) -> list[str]:
    """Name the methods that a path takes; the framework names those of the first route it meets."""
    scope = {"type": "http", "path": request.url.path, "headers": []}
    return [
        method
        for method in METHODS
        if any(
            route.matches({**scope, "method": method})[0] is Match.FULL for route in request.app.router.routes
        )
    ]


def _reason(cause: BaseException | None) -> str:
    first_line = str(cause).partition("\n")[0]
    return f"{type(cause).__name__}: {first_line}" if cause else "told by itself"


def _sentence(problem: dict[str, Any]) -> str:
    """Say what is wrong and where, without a word of the input."""
    place = [
        part for part in problem["loc"] if isinstance(part, str) and part not in {"body", "query", "path"}
    ]
    where = place[0] if place else "The body"
    if problem["type"] == "missing":
        return f"{where} is required."
    if problem["type"] == "value_error" and "email" in problem["msg"]:
        return f"{where} is not a valid email address."
    if problem["type"] in SAID:
        return f"{where} {SAID[problem['type']]}."
    message = problem["msg"].removeprefix("Value error, ")
    return f"{where}: {message[0].lower()}{message[1:]}."
