"""Requests that are handed on to a UI, and its answers: streamed both ways, byte by byte what was said."""

import logging
from collections.abc import AsyncIterator

import httpcore
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from imagineai_api.errors import BadGateway, Unavailable
from imagineai_api.gone import unless_gone
from imagineai_api.limits import Limits
from imagineai_api.operators import crossing, sockets
from imagineai_api.operators.door import cookie_name
from imagineai_api.operators.interfaces import Interface

log = logging.getLogger(__name__)

TIMEOUT = {"timeout": {"connect": 5.0, "pool": 10.0, "write": 60.0, "read": 300.0}}
"""In seconds. A UI may compute for long before it answers."""
GLANCE = {"timeout": {"connect": 2.0, "pool": 2.0, "write": 2.0, "read": 4.0}}
OF_THE_OLD_BODY = frozenset({b"content-length", b"etag"})
IDLE_S = 4.0
"""How long a connection is kept for the next request: less than the UIs' servers keep it."""


class Gone(Exception):
    """The browser closed its connection in the middle of its request."""


def make_pool() -> httpcore.AsyncConnectionPool:
    """Make the connections to all UIs. It keeps no cookies, follows nothing and unpacks nothing."""
    return httpcore.AsyncConnectionPool(
        max_connections=200, max_keepalive_connections=50, keepalive_expiry=IDLE_S
    )


class Forwarding:
    """ASGI application: everything below a UI's path, HTTP and WebSockets."""

    def __init__(self, interface: Interface) -> None:
        self._interface = interface

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request.

        Raises:
            Unavailable: There is no such UI here.
            BadGateway: It does not answer.
        """
        if scope["type"] == "websocket":
            await sockets.join(self._interface, scope, receive, send)
        elif self._interface.upstream is None:
            raise Unavailable(f"{self._interface.name} is not here. {self._interface.absent}")
        else:
            await self._exchange(Request(scope, receive), send)

    async def _exchange(self, request: Request, send: Send) -> None:
        try:
            # Until the body is sent, its own end tells that the browser has gone.
            asking = self._ask(request)
            response = await asking if _has_body(request) else await unless_gone(request.receive, asking)
        except Gone:
            return
        if response is None:
            return
        try:
            await unless_gone(request.receive, self._answer(response, request, send))
        finally:
            await response.aclose()

    async def _ask(self, request: Request) -> httpcore.Response:
        state, interface = request.app.state, self._interface
        limits: Limits = state.limits
        headers = crossing.to_interface(
            request, interface, limits.address(request), cookie_name(state.settings)
        )
        if request.scope["path"] in interface.rewrites or interface.hidden:
            headers = [(name, value) for name, value in headers if name != b"accept-encoding"]
        if "transfer-encoding" in request.headers:
            headers.append((b"Transfer-Encoding", b"chunked"))
        asked = httpcore.Request(
            request.method,
            _address(interface, crossing.target(request.scope, interface)),
            headers=headers,
            content=_body(request.receive) if _has_body(request) else None,
            extensions=TIMEOUT,
        )
        try:
            return await state.pool.handle_async_request(asked)  # type: ignore[no-any-return]
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            raise BadGateway(f"{interface.name} does not answer.") from error

    async def _answer(self, response: httpcore.Response, request: Request, send: Send) -> None:
        headers = crossing.to_browser(response.headers, self._interface)
        media_type = Headers(raw=headers).get("content-type", "")
        rewrite = self._interface.rewrite(request.scope["path"], media_type)
        start = {"type": "http.response.start", "status": response.status, "headers": headers}
        if rewrite is not None and response.status == 200:
            body = rewrite(await response.aread())
            start["headers"] = [pair for pair in headers if pair[0] not in OF_THE_OLD_BODY]
            await send(start)
            await send({"type": "http.response.body", "body": body})
            return
        await send(start)
        async for chunk in response.aiter_stream():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def answers(pool: httpcore.AsyncConnectionPool, interface: Interface) -> bool:
    """Say whether a UI answers now."""
    if interface.upstream is None:
        return False
    address = _address(interface, interface.path_there(interface.sign_of_life))
    try:
        response = await pool.request("GET", address, headers=[*interface.headers.items()], extensions=GLANCE)
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
        log.info("%s does not answer: %r", interface.name, error)
        return False
    return response.status == 200


def _address(interface: Interface, target: str) -> httpcore.URL:
    """Name an address by its parts: parsed from a text, a path with a semicolon would be cut."""
    upstream = interface.upstream
    assert upstream is not None, "only what is there is asked"  # noqa: S101
    return httpcore.URL(
        scheme=upstream.scheme,
        host=upstream.hostname or "",
        port=upstream.port,
        target=target.encode("latin-1"),
    )


def _has_body(request: Request) -> bool:
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        yield message.get("body", b"")
        more = message.get("more_body", False)
