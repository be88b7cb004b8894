"""WebSockets between a browser and a UI; they end as soon as the session may not go on."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from imagineai_api.error_answers import answer
from imagineai_api.errors import BadGateway, ImagineAIError, Unavailable
from imagineai_api.operators import crossing, door
from imagineai_api.operators.interfaces import Interface

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
"""How soon an open socket notices that its session has ended or lost its role."""
CONNECT_S = 10.0
MESSAGE_BYTES = 256 * 1024 * 1024
"""The most that a UI may send as one message: what a notebook shows is as large as somebody made it."""
NORMAL, GOING, REFUSED, BROKEN = 1000, 1001, 1008, 1011
UNSENDABLE = frozenset({1004, 1005, 1006, 1015})
"""Codes that say how a socket ended, and cannot be sent as its end."""


async def join(interface: Interface, scope: Scope, receive: Receive, send: Send) -> None:
    """Open the UI's own socket, then hand on what either side says until one of them ends."""
    browser = WebSocket(scope, receive, send)
    try:
        upstream = await _open(interface, browser)
    except ImagineAIError as error:
        await browser.send_denial_response(answer(error))
        return
    async with upstream:
        await browser.accept(subprotocol=upstream.subprotocol)
        code, reason = await _first(
            _to_interface(browser, upstream), _to_browser(browser, upstream), _while_allowed(browser)
        )
        await upstream.close(code, reason)
        if browser.client_state is WebSocketState.CONNECTED:
            await browser.close(code, reason)


async def _open(interface: Interface, browser: WebSocket) -> ClientConnection:
    if interface.upstream is None:
        raise Unavailable(f"{interface.name} is not here.")
    try:
        return await _connect(interface, browser)
    except (OSError, TimeoutError, InvalidHandshake) as error:
        log.warning("No socket of %s could be opened: %r", interface.name, error)
        raise BadGateway(f"{interface.name} opened no socket.") from error


async def _connect(interface: Interface, browser: WebSocket) -> ClientConnection:
    state = browser.app.state
    headers = crossing.to_interface(
        browser, interface, state.limits.address(browser), door.cookie_name(state.settings)
    )
    # The library writes the host itself, from the address.
    sent = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers if name != b"Host"]
    address = f"{interface.origin}{crossing.target(browser.scope, interface)}"
    return await connect(
        address.replace("http", "ws", 1),
        additional_headers=sent,
        subprotocols=[Subprotocol(name) for name in browser.scope["subprotocols"]] or None,
        user_agent_header=None,
        compression=None,  # the next machine at most; what goes to the browser is compressed
        open_timeout=CONNECT_S,
        max_size=MESSAGE_BYTES,
        proxy=None,
    )


async def _first(*ways: Coroutine[Any, Any, tuple[int, str]]) -> tuple[int, str]:
    """Wait for the first that ends, and end the others; gives with which code and reason to close."""
    tasks = [asyncio.create_task(way) for way in ways]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _to_interface(browser: WebSocket, upstream: ClientConnection) -> tuple[int, str]:
    try:
        while True:
            message = await browser.receive()
            if message["type"] == "websocket.disconnect":
                return _sendable(message.get("code")), message.get("reason") or ""
            text = message.get("text")
            await upstream.send(message["bytes"] if text is None else text)
    except ConnectionClosed:
        return _ended(upstream)


async def _to_browser(browser: WebSocket, upstream: ClientConnection) -> tuple[int, str]:
    try:
        async for message in upstream:
            if isinstance(message, str):
                await browser.send_text(message)
            else:
                await browser.send_bytes(message)
    except ConnectionClosed:
        return _ended(upstream)
    except WebSocketDisconnect:
        return GOING, ""
    return _ended(upstream)


async def _while_allowed(browser: WebSocket) -> tuple[int, str]:
    # Nobody tells this process what becomes of roles.
    while await door.may_go_on(browser, browser.app.state.sessions):  # noqa: ASYNC110
        await asyncio.sleep(LOOK_EVERY_S)
    log.warning("A socket was cut off: its session has ended or lost its role")
    return REFUSED, "The session has ended."


def _ended(upstream: ClientConnection) -> tuple[int, str]:
    return _sendable(upstream.close_code), upstream.close_reason or ""


def _sendable(code: int | None) -> int:
    if code in {None, 1005}:
        return NORMAL
    return BROKEN if code in UNSENDABLE else code or NORMAL
