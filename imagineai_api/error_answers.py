"""One form for every error, whatever made it: ``{"detail": "<one sentence>"}``."""

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.routing import Match

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
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
ALWAYS = (405, 413, 429, 500, 503)
"""What any route may answer, whatever it does."""


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Declare the errors of a route for its OpenAPI document; those that any route may answer are added."""
    return {status: _declared(status) for status in sorted({*statuses, *ALWAYS})}


def install(app: FastAPI) -> None:
    """Answer every error of an application in the one form."""
    app.add_exception_handler(ImagineAIError, _answer_own)
    app.add_exception_handler(RequestValidationError, _answer_validation)
    app.add_exception_handler(HTTPException, _answer_framework)
    app.add_exception_handler(Exception, _answer_crash)


def answer(error: ImagineAIError) -> JSONResponse:
    """Make the answer of one error."""
    return JSONResponse({"detail": str(error)}, status_code=error.status, headers=error.headers)


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


async def _answer_crash(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s crashed", request.method, request.url.path, exc_info=error)
    return answer(ImagineAIError())


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


def _declared(status: int) -> dict[str, Any]:
    declared: dict[str, Any] = {"model": ErrorAnswer, "description": MEANINGS[status]}
    if status == 429:
        declared["headers"] = {
            "Retry-After": {"description": "Whole seconds to wait.", "schema": {"type": "integer"}}
        }
    return declared
