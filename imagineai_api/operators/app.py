"""The whole operators' page on a page."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal, TypedDict
from urllib.parse import parse_qsl

import httpcore
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from imagineai_api.errors import (
    BadRequest,
    ImagineAIError,
    MethodNotAllowed,
    NotFound,
    TooLarge,
    Unauthorized,
)
from imagineai_api.limits import Limits, Tier
from imagineai_api.operators import forwarding, interfaces, pages
from imagineai_api.operators.door import Door, cookie_name, scheme, token
from imagineai_api.operators.sessions import Sessions
from imagineai_api.redis_link import RedisLink
from imagineai_api.request_log import RequestLog
from imagineai_api.settings import Settings

FORM_BYTES = 8 * 1024
FORM_S = 10.0
"""How long a browser may take for the few bytes of a form."""
OWN_ADDRESS = re.compile(r"/(?![/\\])[^\\\x00-\x1f]*")
"""An address on this page: two slashes at its beginning would lead to another host."""


def create_app(settings: Settings) -> Starlette:
    """Build the page; nothing is connected before its lifespan begins."""
    shown = interfaces.all_interfaces(settings)
    sessions = Sessions(settings)
    app = Starlette(
        routes=[
            Route("/", overview),
            Route("/sign-in", sign_in, methods=["POST"]),
            Route("/sign-out", sign_out, methods=["POST"]),
            *(Route(path, to_first_page) for path in ("/sign-in", "/sign-out")),
            Route("/health", health),
            Route("/static/{name}", static),
            Route("/favicon.ico", favicon),
            Route("/metrics", forwarding.Forwarding(interfaces.metrics(settings)), methods=["GET"]),
            *(Route(interface.place, _to_start_of(interface)) for interface in shown),
            *(Mount(interface.place, forwarding.Forwarding(interface)) for interface in shown),
        ],
        middleware=[
            Middleware(RequestLog),
            Middleware(Door, settings=settings, sessions=sessions, refuse=pages.refuse),
        ],
        exception_handlers={ImagineAIError: _refuse, HTTPException: _refuse_by_framework, Exception: _refuse},
        lifespan=_lifespan,
    )
    app.router.redirect_slashes = False
    app.state.settings, app.state.sessions, app.state.interfaces = settings, sessions, shown
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    state = app.state
    redis = RedisLink(state.settings)
    state.limits = Limits(state.settings, redis)
    try:
        async with state.sessions.connected(), forwarding.make_pool() as state.pool:
            yield
    finally:
        await redis.close()


async def overview(request: Request) -> Response:
    """Show each UI with what it is for and whether it answers, and how the service is."""
    state = request.app.state
    answering = [forwarding.answers(state.pool, interface) for interface in state.interfaces]
    ready, *are_up = await asyncio.gather(_readiness(state.pool, state.settings), *answering)
    return pages.show(
        "overview.html",
        operator=request.state.user,
        cards=list(zip(state.interfaces, are_up, strict=True)),
        ready=ready,
    )


async def sign_in(request: Request) -> Response:
    """Begin a session and go on where the visitor was."""
    state, form = request.app.state, await _form(request)
    go_on = form.get("go_on", "/")
    if not OWN_ADDRESS.fullmatch(go_on):
        go_on = "/"
    email = form.get("email", "")
    await state.limits.count(Tier.AUTH, state.limits.address(request))
    try:
        new_token = await state.sessions.begin(email, form.get("password", ""))
    except Unauthorized as error:
        return pages.sign_in(go_on, problem=str(error), email=email)
    await state.sessions.end(token(request))
    answer = RedirectResponse(go_on, 303, headers=pages.HEADERS)
    answer.set_cookie(cookie_name(state.settings), new_token, **_cookie(state.settings))
    return answer


async def sign_out(request: Request) -> Response:
    """End the session."""
    state = request.app.state
    await state.sessions.end(token(request))
    answer = RedirectResponse("/", 303, headers=pages.HEADERS)
    answer.delete_cookie(cookie_name(state.settings), **_cookie(state.settings))
    return answer


async def to_first_page(_: Request) -> Response:
    """Lead away from where only forms lead: somebody asked for the address by hand."""
    return RedirectResponse("/", 303, headers=pages.HEADERS)


async def health(_: Request) -> Response:
    """Say that the process answers, and nothing else."""
    return PlainTextResponse("ok", headers=pages.HEADERS)


async def static(request: Request) -> Response:
    """Give a file of the pages."""
    found = pages.file(request.path_params["name"])
    if found is None:
        raise NotFound
    return found


async def favicon(_: Request) -> Response:
    """Give the icon to the UIs that ask for one where a host usually has it."""
    return RedirectResponse("/static/icon.svg")


def _to_start_of(interface: interfaces.Interface) -> Callable[[Request], Awaitable[Response]]:
    async def start(_: Request) -> Response:
        return RedirectResponse(interface.start)

    return start


class _Manners(TypedDict):
    httponly: bool
    samesite: Literal["strict"]
    secure: bool
    path: str


def _cookie(settings: Settings) -> _Manners:
    return {"httponly": True, "samesite": "strict", "secure": scheme(settings) == "https", "path": "/"}


async def _form(request: Request) -> dict[str, str]:
    """Read a small form.

    Raises:
        TooLarge: It is no small one.
        BadRequest: It does not arrive.
    """
    body = b""
    try:
        async with asyncio.timeout(FORM_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > FORM_BYTES:
                    raise TooLarge
    except TimeoutError as error:
        raise BadRequest("The rest of the form did not arrive.") from error
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, errors="replace"))


async def _readiness(pool: httpcore.AsyncConnectionPool, settings: Settings) -> dict[str, str] | None:
    """Give the checks of the service; None where it does not answer."""
    address = f"{settings.imagineai_url.rstrip('/')}/ready"
    try:
        answer = await pool.request("GET", address, extensions=forwarding.GLANCE)
        checks = json.loads(answer.content)["checks"]
        return {str(part): str(said) for part, said in checks.items()}
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError):
        return None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


async def _refuse(request: Request, error: Exception) -> Response:
    return pages.refuse(request, error if isinstance(error, ImagineAIError) else ImagineAIError())


async def _refuse_by_framework(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    known = {404: NotFound(), 405: MethodNotAllowed()}
    return pages.refuse(request, known.get(status, ImagineAIError()))
