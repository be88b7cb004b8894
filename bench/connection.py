"""One kept HTTP/1.1 connection that costs its client next to nothing: what is timed is the server."""

import socket
from time import perf_counter
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

MAX_BYTES = 1 << 16
LENGTH = b"content-length:"


class Connection:
    """Asks for one path after the other; a server that does not answer with 200 and a length ends it.

    Args:
        url: The server's root.
        token: A bearer token.
    """

    def __init__(self, url: str, token: str) -> None:
        self._host = urlsplit(url).netloc
        host, _, port = self._host.partition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._token = token

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._socket.close()

    def request(self, path: str) -> bytes:
        """Write down a GET of a path as it goes over the wire."""
        lines = (
            f"GET {path} HTTP/1.1",
            f"Host: {self._host}",
            f"Authorization: Bearer {self._token}",
            "",
            "",
        )
        return "\r\n".join(lines).encode()

    def ask(self, request: bytes) -> bytes:
        """Send a request; gives the body of its answer."""
        self._socket.sendall(request)
        answer = self._socket.recv(MAX_BYTES)
        while (end := answer.find(b"\r\n\r\n")) < 0:
            answer += self._more()
        head = answer[:end].lower()
        if not head.startswith(b"http/1.1 200 "):
            raise SystemExit(f"{request!r} was answered by {answer[:200]!r}.")
        begin = head.index(LENGTH) + len(LENGTH)
        length = int(head[begin:].split(b"\r\n", 1)[0])
        body = bytearray(answer[end + 4 :])
        while len(body) < length:
            body += self._more()
        return bytes(body)

    def timed_ms(self, path: str, times: int) -> list[float]:
        """Ask for a path so often; gives each latency in ms."""
        request, latencies = self.request(path), []
        for _ in range(times):
            began = perf_counter()
            self.ask(request)
            latencies.append((perf_counter() - began) * 1e3)
        return latencies

    def _more(self) -> bytes:
        received = self._socket.recv(MAX_BYTES)
        if not received:
            raise SystemExit(f"{self._host} closed the connection in the middle of an answer.")
        return received
