"""uvicorn's protocols, where they would answer in plain text, not at all, or wait for ever."""

import asyncio
import json
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidHandshake, SecurityError
from websockets.http11 import Request

HEAD_S = 10.0
"""How long a client may take for the head of a request."""
HEAD_BYTES = 64 * 1024
NO_HANDSHAKE = "The request is no handshake of a WebSocket."


class HttpProtocol(HttpToolsProtocol):
    """Answers what is no HTTP in the one error form; closes where a head is too slow or too large.

    uvicorn waits for a head for ever, and keeps all that has come of it.
    """

    _patience: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first head."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._end_wait()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what came, where the head is still not complete."""
        super().data_received(data)
        if self._patience is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self.transport.close()

    def on_message_begin(self) -> None:
        """Wait for the head of this request."""
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        """Take the request."""
        self._end_wait()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer and close."""
        _refuse(self.transport, HTTPStatus.BAD_REQUEST, "The request is not well-formed HTTP.")

    def _await_head(self) -> None:
        if self._patience is None:
            self._head_bytes = 0
            self._patience = self.loop.call_later(HEAD_S, self.transport.close)

    def _end_wait(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


class SocketProtocol(WebSocketsSansIOProtocol):
    """Refuses what is no handshake in the one error form; uvicorn does so in plain text, or not at all."""

    def data_received(self, data: bytes) -> None:
        """Take what came; nothing is parsed after a handshake that could not be read."""
        super().data_received(data)
        problem = self.conn.handshake_exc
        if problem is None or self.handshake_initiated:
            return
        if isinstance(problem.__cause__, SecurityError):
            _refuse(
                self.transport,
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                "The address or a header of the handshake is too long.",
            )
        else:
            _refuse(self.transport, HTTPStatus.BAD_REQUEST, NO_HANDSHAKE)

    def handle_connect(self, event: Request) -> None:
        """Take a handshake."""
        try:
            self.conn.process_request(event)
        except InvalidHandshake:
            self.handshake_initiated = self.handshake_complete = self.close_sent = True
            _refuse(self.transport, HTTPStatus.BAD_REQUEST, NO_HANDSHAKE)
        else:
            super().handle_connect(event)


def _refuse(transport: asyncio.Transport, status: HTTPStatus, sentence: str) -> None:
    body = json.dumps({"detail": sentence})
    headers = {
        "content-type": "application/json",
        "content-length": len(body),
        "x-request-id": uuid4().hex,
        "connection": "close",
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    transport.write(f"HTTP/1.1 {status.value} {status.phrase}\r\n{head}\r\n{body}".encode())
    transport.close()


OPTIONS: dict[str, Any] = {
    "log_config": None,
    "access_log": False,
    "proxy_headers": False,
    "server_header": False,
    "http": HttpProtocol,
    "ws": SocketProtocol,
}
"""What each of our servers tells uvicorn: our own log, no proxy believed, nothing told of itself."""
