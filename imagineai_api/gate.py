"""What every request passes before its body is read: token, rate limit, length; then strict JSON."""

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from pydantic_core import from_json
from starlette.types import Message, Receive, Scope

from imagineai_api.errors import BadRequest, TooLarge
from imagineai_api.gone import unless_gone
from imagineai_api.identity import CurrentUser, authenticate
from imagineai_api.limits import Tier

Answer = TypeVar("Answer")

MAX_JSON_BYTES = 1_000_000
MAX_IMAGE_BYTES = 50_000_000
BODY_SILENCE_S = 10.0
"""How long a client may be silent in the middle of its body."""
REST_MISSING = "The rest of the body did not arrive."
MULTIPART_OVERHEAD_BYTES = 100_000
MAX_UPLOAD_BYTES = MAX_IMAGE_BYTES + MULTIPART_OVERHEAD_BYTES

# For the OpenAPI document only: the token is checked by the gate, before FastAPI reads the body.
_scheme = HTTPBearer(auto_error=False, description="A JWT access token.")


# async, or FastAPI would send it through a thread.
async def _current_user(request: Request, _: Annotated[object, Depends(_scheme)]) -> CurrentUser:
    user: CurrentUser = request.state.user
    return user


SignedIn = Annotated[CurrentUser, Depends(_current_user)]


class GatedRequest(Request):
    """A bounded body and strict JSON: no NaN, no lone surrogates, no deep nesting."""

    max_bytes = MAX_JSON_BYTES

    def __init__(self, scope: Scope, receive: Receive) -> None:
        super().__init__(scope, _in_time(receive))
        self._patiently = receive

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Yield the body's chunks, no more than ``max_bytes`` in all."""
        received = 0
        async for chunk in super().stream():
            received += len(chunk)
            if received > self.max_bytes:
                raise TooLarge(f"The body is over {self.max_bytes:,} bytes.")
            yield chunk

    async def json(self) -> Any:
        """Parse the body."""
        body = await self.body()
        try:
            content = from_json(body, allow_inf_nan=False)
        except ValueError as error:
            raise BadRequest from error
        if not _is_finite(content):
            raise BadRequest
        return content

    async def unless_gone(self, call: Coroutine[Any, Any, Answer]) -> Answer | None:
        """Give what a call answers; None where the client closes its connection first: the call is cancelled.

        For when the body has been read.
        """
        return await unless_gone(self._patiently, call)

    def check_length(self) -> None:
        """Refuse a declared length over the limit, before a byte is read."""
        declared = self.headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > self.max_bytes:
            raise TooLarge(f"The body is over {self.max_bytes:,} bytes.")


def _is_finite(content: Any) -> bool:
    """Whether no number of parsed JSON is too large to be one, as 1e999 is."""
    rest = [content]
    while rest:
        each = rest.pop()
        if isinstance(each, dict):
            rest.extend(each.values())
        elif isinstance(each, list):
            rest.extend(each)
        elif isinstance(each, float) and not math.isfinite(each):
            return False
    return True


def gate(tier: Tier, *, signed_in: bool = True, upload: bool = False) -> type[APIRoute]:
    """Make the route class of a router.

    Args:
        tier: The rate limit that its routes count in; by user, or by address where nobody is signed in.
        signed_in: Whether a valid access token is asked for.
        upload: True leaves the body to the route and allows a picture's length.
    """

    class Gate(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def pass_gate(request: Request) -> Response:
                gated = GatedRequest(request.scope, request.receive)
                await _admit(gated, tier, signed_in=signed_in)
                if upload:
                    gated.max_bytes = MAX_UPLOAD_BYTES
                gated.check_length()
                if self.body_field is not None:
                    await _read(gated)
                return await handle(gated)

            return pass_gate

    return Gate


def _in_time(receive: Receive) -> Receive:
    async def receive_in_time() -> Message:
        try:
            async with asyncio.timeout(BODY_SILENCE_S):
                return await receive()
        except TimeoutError as error:
            raise BadRequest(REST_MISSING) from error

    return receive_in_time


async def _admit(request: GatedRequest, tier: Tier, *, signed_in: bool) -> None:
    limits = request.app.state.limits
    if not signed_in:
        await limits.count(tier, limits.address(request))
        return
    user = await authenticate(request)
    request.state.user = user
    await limits.count(tier, str(user.id))


async def _read(request: GatedRequest) -> None:
    # Read and parsed here, since FastAPI turns every error while reading into its own 400.
    if await request.body() and "json" in request.headers.get("content-type", ""):
        await request.json()
