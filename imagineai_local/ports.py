"""Which part listens where, and who else does."""

import errno
import socket
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

from imagineai_local.errors import PlatformError

LOOPBACK = "127.0.0.1"
_SEAWEED_OPTIONS = (
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "admin.port",
)
_SEAWEED_WORKER_OFFSET = 10_000  # the maintenance worker of `weed mini` adds this to the admin port itself


@dataclass(frozen=True)
class Ports:
    """The ports of one platform, in a row from IMAGINEAI_PORT_BASE.

    Attributes:
        seaweed: What SeaweedFS listens on besides S3, by the name of its option.
        seaweed_worker: The one that it works out itself, out of the row.
    """

    api: int
    inference: int
    postgres: int
    redis: int
    s3: int
    mlflow: int
    prefect: int
    jupyter: int
    operators: int
    seaweed: Mapping[str, int]
    seaweed_worker: int


def read_ports(environ: Mapping[str, str]) -> Ports:
    """Take the first port from IMAGINEAI_PORT_BASE, 8000 where it is not set.

    Raises:
        PlatformError: It is not a number, or the last port would be past 65535.
    """
    text = environ.get("IMAGINEAI_PORT_BASE") or "8000"
    if not text.isascii() or not text.isdigit() or not 1024 <= int(text) <= 55_000:
        raise PlatformError(f"IMAGINEAI_PORT_BASE is {text!r}; it has to be a number from 1024 to 55000.")
    base = int(text)
    seaweed = {name: base + 8 + place for place, name in enumerate(_SEAWEED_OPTIONS)}
    return Ports(
        api=base,
        inference=base + 1,
        postgres=base + 2,
        redis=base + 3,
        s3=base + 4,
        mlflow=base + 5,
        prefect=base + 6,
        jupyter=base + 7,
        operators=base + 8 + len(seaweed),
        seaweed=seaweed,
        seaweed_worker=seaweed["admin.port"] + _SEAWEED_WORKER_OFFSET,
    )


def is_taken(port: int) -> bool:
    """Whether somebody else holds this port of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
            raise
    return False


def owner(port: int) -> str:
    """Who holds a port, as far as this user may see."""
    pids = {
        connection.pid
        for connection in psutil.net_connections("inet")
        if connection.laddr and connection.laddr.port == port and connection.pid
    }
    for pid in sorted(pids):
        try:
            return f"{psutil.Process(pid).name()} (process {pid})"
        except psutil.NoSuchProcess:
            continue
    return "a process that this user cannot see"


def require_free(wanted: Mapping[int, str]) -> None:
    """Refuse to start beside somebody who holds one of our ports.

    Args:
        wanted: Port to the title of the part that needs it.

    Raises:
        PlatformError: Names the first taken port, its owner and the way out.
    """
    for port, title in sorted(wanted.items()):
        if is_taken(port):
            raise PlatformError(
                f"Port {port}, needed for {title}, is taken by {owner(port)}; "
                "end that process, or set IMAGINEAI_PORT_BASE to another first port."
            )
