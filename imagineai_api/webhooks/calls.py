"""One call of an endpoint: to an address that was checked, within its time; its answer's body is not read."""

import asyncio
import ssl
import time
from collections.abc import Iterable, Mapping
from typing import Any

import httpcore
import httpx

from imagineai_api.errors import Invalid
from imagineai_api.settings import Settings
from imagineai_api.webhooks import addresses
from imagineai_api.webhooks.addresses import Addresses
from imagineai_api.webhooks.queue import Outcome

USER_AGENT = "ImagineAI-Webhooks/1"
REASONS: tuple[tuple[type[Exception], str], ...] = (
    (httpcore.ConnectTimeout, "No connection to the endpoint came about in time."),
    (httpcore.ConnectError, "The endpoint took no connection."),
    (httpcore.TimeoutException, "The endpoint did not answer in time."),
    (httpcore.NetworkError, "The endpoint broke off the connection."),
    (httpcore.ProtocolError, "What the endpoint answered is not HTTP."),
)


class Calls:
    """Makes calls. Redirects, proxies and cookies are unknown to it, and no connection is used twice."""

    def __init__(self, settings: Settings, looked_up: Addresses) -> None:
        self._timeout_s = settings.webhook_timeout_s
        self._timeouts = {
            "connect": settings.webhook_connect_timeout_s,
            "read": settings.webhook_timeout_s,
            "write": settings.webhook_timeout_s,
        }
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=settings.webhook_concurrency,
            max_keepalive_connections=0,
            network_backend=_LookedUp(looked_up),
        )

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> Outcome:
        """Send a body as JSON; anything but a 2xx within the time is an error in words."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._post(url, headers, body)
        except TimeoutError:
            waited_s = time.monotonic() - began
            return Outcome(None, f"The endpoint did not answer within {waited_s:.0f} seconds.")
        except Invalid as error:
            return Outcome(None, str(error))
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            return Outcome(None, _reason(error))

    async def close(self) -> None:
        """Close what is open."""
        await self._pool.aclose()

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        target = addresses.parse(url)
        host = f"[{target.host}]" if ":" in target.host else target.host
        port = "" if addresses.PORTS[target.scheme] == target.port else f":{target.port}"
        whole: list[tuple[bytes | str, bytes | str]] = [
            ("Host", host + port),
            ("User-Agent", USER_AGENT),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
            *headers.items(),
        ]
        where = httpcore.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path)
        extensions = {"timeout": self._timeouts}
        async with self._pool.stream(
            "POST", where, headers=whole, content=body, extensions=extensions
        ) as answer:
            # Its body is not read: what lies behind an address is nothing that a log should show.
            return _outcome(answer.status, answer.headers)


class _LookedUp(httpcore.AsyncNetworkBackend):
    """Opens connections to addresses that may be called, looked up and checked for this very connection."""

    def __init__(self, looked_up: Addresses) -> None:
        self._addresses = looked_up
        self._plain = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that takes the connection."""
        refused: Exception = httpcore.ConnectError()
        for address in await self._addresses.of(host, port):
            try:
                return await self._plain.connect_tcp(
                    address, port, timeout=timeout, local_address=local_address, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                refused = error
        raise refused

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._plain.sleep(seconds)


def _outcome(status: int, headers: list[tuple[bytes, bytes]]) -> Outcome:
    if 200 <= status < 300:
        return Outcome(status, None)
    if 300 <= status < 400:
        return Outcome(status, f"The endpoint answered {status}: redirects are not followed.")
    asked = next((value for name, value in headers if name.lower() == b"retry-after"), b"")
    wait_s = float(asked) if asked.isdigit() and len(asked) < 10 else 0.0
    return Outcome(status, f"The endpoint answered {status}.", wait_s)


def _reason(error: Exception) -> str:
    if _is_of_tls(error):
        return "No trusted TLS connection to the endpoint came about."
    return next(words for kind, words in REASONS if isinstance(error, kind))


def _is_of_tls(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error is not None
