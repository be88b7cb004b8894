"""Who comes in: operators with a session, from the page's own origin, and nobody else."""

from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from imagineai_api.errors import DatabaseAway, Forbidden, ImagineAIError, Unauthorized
from imagineai_api.operators.sessions import Sessions
from imagineai_api.settings import Settings

OPEN = frozenset({"/sign-in", "/sign-out", "/health"})
STATIC = "/static/"
READING = frozenset({"GET", "HEAD", "OPTIONS"})
FOREIGN = "This request comes from another page than the operators'."

Refusal = Callable[[HTTPConnection, ImagineAIError], Response]


class Door:
    """ASGI middleware before everything: HTTP and WebSockets alike, the files of the UIs too.

    Args:
        app: What lies behind.
        settings: Of the service.
        sessions: Who is signed in.
        refuse: Makes the answer to whoever stays outside.
    """

    def __init__(self, app: ASGIApp, settings: Settings, sessions: Sessions, refuse: Refusal) -> None:
        self._app, self._sessions, self._refuse = app, sessions, refuse
        self._scheme = scheme(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        try:
            self._require_own_origin(connection)
            if not _is_open(scope["path"]):
                connection.state.user = await self._sessions.find(token(connection))
        except ImagineAIError as error:
            await self._refuse(connection, error)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _require_own_origin(self, connection: HTTPConnection) -> None:
        """Refuse what another page has the browser send: a cookie goes to every port of a host."""
        headers = connection.headers
        own = f"{self._scheme}://{headers.get('host', '')}"
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if connection.scope["type"] == "websocket":
            is_own = origin == own
        elif connection.scope["method"] in READING:
            is_near = site in {None, "none", "same-origin"} or _is_visit(connection)
            is_own = origin in {None, own} and is_near
        else:
            is_own = origin == own or (origin is None and site == "same-origin")
        if not is_own:
            raise Forbidden(FOREIGN)


def scheme(settings: Settings) -> str:
    """Say by which scheme browsers come."""
    return urlsplit(settings.operators_url or "").scheme or "http"


def token(connection: HTTPConnection) -> str | None:
    """Give the token of a request's session."""
    return connection.cookies.get(cookie_name(connection.app.state.settings))


def cookie_name(settings: Settings) -> str:
    """Name the cookie; browsers hold one that begins with __Host- to this host and to https."""
    return "__Host-imagineai-operator" if scheme(settings) == "https" else "imagineai-operator"


async def may_go_on(connection: HTTPConnection, sessions: Sessions) -> bool:
    """Say whether a connection that is open still has its session and its session the role."""
    try:
        await sessions.find(token(connection))
    except (Unauthorized, Forbidden):
        return False
    except DatabaseAway:
        return True  # nothing was taken from anybody; the next look tells
    return True


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(STATIC)


def _is_visit(connection: HTTPConnection) -> bool:
    """Whether somebody follows a link to a page, which is no way to read it for the page it is on."""
    headers = connection.headers
    return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
