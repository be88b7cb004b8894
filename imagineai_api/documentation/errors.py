"""What each route may answer when it refuses, for the OpenAPI document: status, headers, and the sentence."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

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
    Unauthorized,
    UnsupportedType,
)


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
    return f"{name} must be a UUID."


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
