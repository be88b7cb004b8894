"""Where a webhook may lead: how its URL is written, and to which addresses its name may resolve.

The URL is taken apart here and nowhere else, and a connection is opened to an address that was looked at
here: no second parser and no second lookup can lead elsewhere than what was checked.
"""

import asyncio
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from imagineai_api.errors import Invalid
from imagineai_api.settings import Settings

MAX_URL = 2048
MAX_HOST = 253
LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
URL = (
    rf"^https?://(?:{LABEL}(?:\.{LABEL})*\.?|\[[0-9A-Fa-f:.]{{2,45}}\])(?::[0-9]{{1,5}})?"
    r"(?:[/?][A-Za-z0-9._~:/?@!$&'()*+,;=%\[\]-]*)?$"
)
"""In words that Python, JavaScript and Rust read alike: no user, no fragment, nothing beyond ASCII."""
PARTS = re.compile(r"(https?)://(\[[^\]]*\]|[^:/?]*)(?::(\d+))?(.*)")
PORTS = {"http": 80, "https": 443}
LOOKUPS_AT_ONCE = 32
NAT64 = IPv6Network("64:ff9b::/96")
GLOBAL_UNICAST = IPv6Network("2000::/3")
REFUSED = (
    ip_network("168.63.129.16/32"),  # Azure's own service to each of its machines, though it looks public
    ip_network("192.0.0.0/24"),  # protocols' own, Oracle's instance metadata among them
    ip_network("192.88.99.0/24"),  # relays of 6to4
    ip_network("2001::/23"),  # Teredo and the like: another address lies inside, and may be anything
    ip_network("2002::/16"),  # 6to4: the same
    ip_network("3fff::/20"),  # for documentation
)
"""What Python's own list, which grows with its versions, may take for public."""
PRIVATE = "The url leads to a private or reserved address, which webhooks may not call."
UNRESOLVED = "The name of the endpoint could not be resolved."


@dataclass(frozen=True)
class Target:
    """A URL, taken apart; ``path`` begins with a slash and carries the query."""

    scheme: str
    host: str
    port: int
    path: str


def parse(url: str) -> Target:
    """Take a URL apart.

    Raises:
        ValueError: It is not written as a webhook's URL may be; the text says what is wrong.
    """
    if len(url) > MAX_URL:
        raise ValueError(f"must have at most {MAX_URL} characters")
    found = PARTS.fullmatch(url) if re.fullmatch(URL[1:-1], url) else None
    if found is None:
        raise ValueError(
            "must look like https://host/path, in ASCII, without user, password and fragment;"
            " a name in other letters is written in punycode"
        )
    scheme, host, port, path = found.groups()
    host = host.strip("[]")
    if len(host) > MAX_HOST:
        raise ValueError(f"must name a host of at most {MAX_HOST} characters")
    if ":" in host and _address(host) is None:
        raise ValueError("must hold a valid IPv6 address between the brackets")
    number = int(port) if port else PORTS[scheme]
    if not 1 <= number <= 65535:
        raise ValueError("must name a port from 1 to 65535")
    return Target(scheme, host, number, path if path.startswith("/") else f"/{path}")


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is one of the open internet, whatever it is wrapped in."""
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast and not _is_refused(address)
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    if address in NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address.is_global and address in GLOBAL_UNICAST and not _is_refused(address)


class Addresses:
    """Looks names up, and refuses those that may not be called."""

    def __init__(self, settings: Settings) -> None:
        self._allows_private = settings.webhooks_allow_private
        self._schemes = settings.webhook_schemes
        self._timeout_s = settings.webhook_connect_timeout_s
        # Its own threads: a name server that says nothing must not hold up who else needs a thread.
        self._threads = ThreadPoolExecutor(LOOKUPS_AT_ONCE, thread_name_prefix="lookup")

    async def check(self, url: str) -> Target:
        """Take a URL apart that may be called; a name that resolves to nothing yet is taken too.

        Each call looks the name up again, so a name without an address harms nobody.

        Raises:
            Invalid: Its scheme is not allowed, or it leads to a private address.
        """
        target = parse(url)
        if target.scheme not in self._schemes:
            raise Invalid("The url must begin with https://.")
        await self._checked(target.host, target.port)
        return target

    async def of(self, host: str, port: int) -> list[str]:
        """Give the addresses of a host, each of which may be called.

        Raises:
            Invalid: There is none, or one of them is private.
        """
        found = await self._checked(host, port)
        if not found:
            raise Invalid(UNRESOLVED)
        return found

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _checked(self, host: str, port: int) -> list[str]:
        found = await self._look_up(host, port)
        # One private address among public ones is enough: which one a connection takes is chance.
        if not self._allows_private and not all(_is_public(one) for one in found):
            raise Invalid(PRIVATE)
        return found

    async def _look_up(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout_s):
                found = await loop.run_in_executor(self._threads, _resolve, host, port)
        except (OSError, UnicodeError):  # TimeoutError is an OSError
            return []
        return found


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _is_public(text: str) -> bool:
    address = _address(text)
    return address is not None and is_public(address)


def _is_refused(address: IPv4Address | IPv6Address) -> bool:
    return any(address in network for network in REFUSED)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
