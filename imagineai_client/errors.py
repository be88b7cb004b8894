"""All that this client raises.

ImagineAIError
├── ServiceUnreachable      nothing answered: not started, or not reachable from here
├── Refused                 the service answered with an error: ``status``, ``detail``, ``retry_after``
│   ├── BadInput            400, 405, 413, 415, 422
│   ├── NotAuthenticated    401: token, email or password
│   ├── Forbidden           403
│   ├── NotFound            404: does not exist, or is not yours
│   ├── Conflict            409
│   ├── TooManyRequests     429: a rate limit
│   └── ServiceFailed       500, 502, 503 and whatever else a proxy may answer
├── UnexpectedAnswer        what answered does not speak as ImagineAI does
├── StreamClosed            the WebSocket was closed before the job's end; ``code`` says why
└── JobFailed               the job ended as failed or cancelled
"""

import httpx


class ImagineAIError(Exception):
    """Any failure of a call to ImagineAI; its text is one sentence for a person."""


class ServiceUnreachable(ImagineAIError):
    """No answer came."""


class Refused(ImagineAIError):
    """The service answered with an error.

    Attributes:
        status: The HTTP status code.
        detail: The service's own sentence.
        request_id: What the service's logs call this request, where it said so.
        retry_after: Seconds after which the call may be repeated, where it said so.
    """

    def __init__(
        self, status: int, detail: str, request_id: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.request_id = request_id
        self.retry_after = retry_after


class BadInput(Refused):
    """What was sent is not accepted."""


class NotAuthenticated(Refused):
    """Missing, invalid or expired token, or wrong email or password."""


class Forbidden(Refused):
    """Not allowed to this user."""


class NotFound(Refused):
    """It does not exist, or belongs to somebody else."""


class Conflict(Refused):
    """It exists already, or its state forbids the call."""


class TooManyRequests(Refused):
    """A rate limit; the call may be repeated after ``retry_after`` seconds."""


class ServiceFailed(Refused):
    """The service, or something behind it, failed; the call may be repeated later."""


class UnexpectedAnswer(ImagineAIError):
    """Something else answers at this address."""


class StreamClosed(ImagineAIError):
    """The WebSocket ended before the job did."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class JobFailed(ImagineAIError):
    """The job ended without a result."""


_BY_STATUS: dict[int, type[Refused]] = {
    400: BadInput,
    401: NotAuthenticated,
    403: Forbidden,
    404: NotFound,
    405: BadInput,
    409: Conflict,
    413: BadInput,
    415: BadInput,
    422: BadInput,
    429: TooManyRequests,
}


def refusal(response: httpx.Response) -> Refused:
    """Turn an error answer, already read, into the error that says it."""
    status, headers = response.status_code, response.headers
    kind = _BY_STATUS.get(status, ServiceFailed)
    return kind(status, _detail(response), headers.get("X-Request-ID"), _seconds(headers.get("Retry-After")))


def _detail(response: httpx.Response) -> str:
    """The service's sentence; where something else answered in its place, what can be said about that."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if isinstance(body, dict) and isinstance(body.get("detail"), str):
        return str(body["detail"])
    return f"{response.request.url.host} answered {response.status_code} {response.reason_phrase}."


def _seconds(header: str | None) -> int | None:
    """Whole seconds of a Retry-After header; None where there is none that can be read."""
    return max(int(header), 1) if header is not None and header.isdecimal() else None
