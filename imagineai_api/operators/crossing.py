"""What crosses between a browser and a UI, and how it changes on the way: addresses and headers."""

from collections.abc import Iterable

from starlette.requests import HTTPConnection
from starlette.types import Scope

from imagineai_api.operators.interfaces import Interface

Header = tuple[bytes, bytes]

HOP_BY_HOP = frozenset(
    {
        b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection",
        b"te", b"trailer", b"transfer-encoding", b"upgrade",
    }
)  # fmt: skip
# Origin and Referer were judged at the door, and name a place that the UI does not know itself by.
OURS = frozenset(
    {
        b"host", b"origin", b"referer", b"expect", b"cookie", b"forwarded", b"x-forwarded-for",
        b"x-forwarded-host", b"x-forwarded-proto", b"x-forwarded-prefix", b"x-real-ip",
    }
)  # fmt: skip
HANDSHAKE = b"sec-websocket-"
SERVERS = frozenset({b"date", b"server"})
"""What every server says of itself."""
CAREFUL = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"SAMEORIGIN",
    b"referrer-policy": b"same-origin",
}


def target(scope: Scope, interface: Interface) -> str:
    """Give path and query as the UI is to see them, in the very characters that came."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    there = interface.path_there(path.partition(b"?")[0].decode("latin-1"))
    query: bytes = scope["query_string"]
    return f"{there}?{query.decode('latin-1')}" if query else there


def to_interface(connection: HTTPConnection, interface: Interface, address: str, cookie: str) -> list[Header]:
    """Give the headers of a request as the UI is to see them.

    Args:
        connection: What the browser sent.
        interface: Whom it is for.
        address: Of the browser.
        cookie: The name of the session's cookie, which no UI gets to see.
    """
    assert interface.upstream is not None, "only what is there is asked"  # noqa: S101
    sent = connection.headers.raw
    left_out = (
        HOP_BY_HOP | OURS | _named_in_connection(sent) | {name.lower().encode() for name in interface.headers}
    )
    kept = [(name, value) for name, value in sent if name not in left_out and not name.startswith(HANDSHAKE)]
    cookies = _without(cookie, connection.headers.getlist("cookie"))
    return [
        (b"Host", interface.upstream.netloc.encode()),
        *kept,
        *([(b"Cookie", cookies.encode("latin-1"))] if cookies else []),
        (b"X-Forwarded-For", address.encode()),
        *((name.encode(), value.encode()) for name, value in interface.headers.items()),
    ]


def to_browser(sent: Iterable[Header], interface: Interface) -> list[Header]:
    """Give the headers of a UI's answer as the browser is to see them."""
    headers = [(name.lower(), value) for name, value in sent]
    left_out = HOP_BY_HOP | SERVERS | _named_in_connection(headers)
    kept = [(name, _here(name, value, interface)) for name, value in headers if name not in left_out]
    said = {name for name, _ in kept}
    careful = {**CAREFUL, b"content-security-policy": interface.policy.encode()}
    return [*kept, *((name, value) for name, value in careful.items() if value and name not in said)]


def _here(name: bytes, value: bytes, interface: Interface) -> bytes:
    return interface.address_here(value.decode("latin-1")).encode("latin-1") if name == b"location" else value


def _named_in_connection(headers: Iterable[Header]) -> set[bytes]:
    values = [value for name, value in headers if name == b"connection"]
    return {token.strip().lower() for value in values for token in value.split(b",")}


def _without(cookie: str, cookies: Iterable[str]) -> str:
    pairs = [pair.strip() for line in cookies for pair in line.split(";")]
    return "; ".join(pair for pair in pairs if pair and pair.partition("=")[0].strip() != cookie)
