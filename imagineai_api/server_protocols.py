"""uvicorn's protocols, where they would answer in plain text or not at all."""

import asyncio
import json
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class HttpProtocol(HttpToolsProtocol):
    """Answers what is no HTTP in the one error form."""

    def send_400_response(self, msg: str) -> None:
        """Answer and close."""
        _refuse(self.transport, HTTPStatus.BAD_REQUEST, "The request is not well-formed HTTP.")


class SocketProtocol(WebSocketsSansIOProtocol):
    """Refuses a handshake whose address or headers are too long, which uvicorn leaves without an answer."""

    def data_received(self, data: bytes) -> None:
        """Take what came; nothing is parsed after a handshake that could not be read."""
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            _refuse(
                self.transport,
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                "The address or a header of the handshake is too long.",
            )


def _refuse(transport: asyncio.Transport, status: HTTPStatus, sentence: str) -> None:
    body = json.dumps({"detail": sentence})
    transport.write(
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n{body}".encode()
    )
    transport.close()
