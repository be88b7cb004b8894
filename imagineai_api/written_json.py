"""An answer that PostgreSQL has written down already."""

from starlette.responses import Response


class WrittenJson(Response):
    """JSON as text; nothing is parsed, checked or written once more."""

    media_type = "application/json"
