"""The few HTTP requests that readiness needs, without an HTTP library in the launcher's memory."""

import asyncio
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """Status 0 means that nobody answered."""

    status: int
    body: bytes


NO_ANSWER = Answer(0, b"")


async def request(url: str, *, method: str = "GET", body: bytes = b"", timeout_s: float = 10) -> Answer:
    """Ask once; any failure below HTTP is `NO_ANSWER`."""
    try:
        async with asyncio.timeout(timeout_s):
            return await _exchange(url, method, body)
    except (OSError, ValueError, IndexError, TimeoutError):
        return NO_ANSWER


async def _exchange(url: str, method: str, body: bytes) -> Answer:
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        target = (address.path or "/") + (f"?{address.query}" if address.query else "")
        lines = (
            f"{method} {target} HTTP/1.0",  # 1.0: no chunks, and the connection ends with the answer
            f"Host: {address.netloc}",
            f"Content-Length: {len(body)}",
            "Content-Type: application/json",
        )
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        answer = await reader.read()
    finally:
        writer.close()
    head, _, content = answer.partition(b"\r\n\r\n")
    return Answer(int(head.split(b" ", 2)[1]), content)
