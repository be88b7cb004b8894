"""One form for every error, whatever made it: ``{"detail": "<one sentence>"}``."""

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imagineai_api.errors import (
    BadRequest,
    Conflict,
    DatabaseAway,
    Forbidden,
    ImagineAIError,
    Invalid,
    MethodNotAllowed,
    NotFound,
    StorageAway,
    TooLarge,
    Unauthorized,
    UnsupportedType,
)

log = logging.getLogger(__name__)


class ErrorAnswer(BaseModel):
    """What every error answers."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"detail": NotFound.sentence}]})

    detail: str


MEANINGS = {
    400: "The body is not valid JSON.",
    401: "The access token is missing, invalid or expired.",
    403: "This is not allowed.",
    404: "It does not exist, or it is not yours.",
    405: "This path does not take this method.",
    409: "In conflict with what is there.",
    413: "The body is too large.",
    415: "The content type is not supported.",
    422: "The request is not valid.",
    429: "Too many requests; Retry-After says when to try again.",
    500: "An error that the service did not expect.",
    502: "A service behind this one failed.",
    503: "A part of the service is away.",
}
SENTENCES = {
    400: BadRequest.sentence,
    401: Unauthorized.sentence,
    403: Forbidden.sentence,
    404: NotFound.sentence,
    405: MethodNotAllowed.sentence,
    409: Conflict.sentence,
    413: "The body is over 1,000,000 bytes.",
    415: UnsupportedType.sentence,
    422: Invalid.sentence,
    500: ImagineAIError.sentence,
    502: StorageAway.sentence,
    503: DatabaseAway.sentence,
}
WHY_NONE = "invalid length: expected length 32 for simple format, found 1"
WAIT = {"Retry-After": {"description": "Whole seconds to wait.", "schema": {"type": "integer"}}}
HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"description": "Bearer.", "schema": {"type": "string"}}},
    405: {"Allow": {"description": "The methods that the path takes.", "schema": {"type": "string"}}},
    429: WAIT,
    502: WAIT,
    503: WAIT,
}
UNGATED = (405, 500)
"""What any route may answer, whatever it does."""
GATED = (*UNGATED, 413, 429, 503)
"""What any route behind the gate may answer besides."""


def errors(
    *statuses: int, per_minute: int = 120, says: Mapping[int, str] | None = None
) -> dict[int | str, dict[str, Any]]:
    """Declare the errors of a gated route for its OpenAPI document; those of every such route are added.

    Args:
        statuses: What the route answers besides.
        per_minute: The limit of its tier, as the reference has it.
        says: The sentences of its own, by status.
    """
    limit = {429: f"At most {per_minute} requests in 60 seconds: wait 17 seconds."}
    return _declared({*statuses, *GATED}, {**SENTENCES, **limit, **(says or {})})


def errors_without_gate() -> dict[int | str, dict[str, Any]]:
    """Declare the errors of a route that asks for no token and counts in no limit."""
    return _declared(set(UNGATED), SENTENCES)


def bad_id(name: str) -> str:
    """Give the sentence that answers an id of one letter."""
    return f"{name}: input should be a valid UUID, {WHY_NONE}."


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
        log.warning("Answered %d: %s", error.status, error, exc_info=error.__cause__)
    return answer(error)


async def _answer_validation(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise TypeError from error
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return answer(BadRequest())
    return answer(Invalid(_sentence(first)))


async def _answer_framework(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise TypeError from error
    known = {
        kind.status: kind
        for kind in (BadRequest, Unauthorized, NotFound, MethodNotAllowed, TooLarge, UnsupportedType)
    }
    reply = answer(known.get(error.status_code, ImagineAIError)())
    if error.headers and "allow" in {name.lower() for name in error.headers}:
        reply.headers["Allow"] = error.headers.get("Allow", "")
    return reply


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
    message = problem["msg"].removeprefix("Value error, ")
    return f"{where}: {message[0].lower()}{message[1:]}."


def _declared(statuses: set[int], sentences: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    return {
        status: {
            "model": ErrorAnswer,
            "description": MEANINGS[status],
            "headers": HEADERS.get(status, {}),
            "content": {"application/json": {"example": {"detail": sentences[status]}}},
        }
        for status in sorted(statuses)
    }
