"""One more replica of the API on a platform's own stores and folder of models."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import httpx

from bench.platform import ROOMY, Platform, free_ports
from bench.processes import MARK, Part

LOOK_S = 0.02
LONGEST_S = 120
NAME = "replica"


@dataclass(frozen=True)
class Replica:
    """A replica that answers.

    Attributes:
        url: Its root.
        started_s: From its command to its first answer about a picture, in s.
        processes: What it consists of.
    """

    url: str
    started_s: float
    processes: Part


@asynccontextmanager
async def replica(platform: Platform, token: str, picture: bytes, **settings: str) -> AsyncIterator[Replica]:
    """Run a replica for the block, as one that is started again.

    Args:
        platform: That it joins.
        token: Of one of its users.
        picture: What it is asked first.
        settings: Variables of its own.
    """
    port = free_ports()
    ports = {"API_PORT": str(port), "INFERENCE_PORT": str(port + 1)}
    env = {**os.environ, **ROOMY, **platform.env, **ports, **settings, MARK: f"{platform.home}:{NAME}"}
    log, url = platform.home / "logs" / f"{NAME}.log", f"http://127.0.0.1:{port}"
    began = perf_counter()
    with log.open("a") as said:
        process = subprocess.Popen([sys.executable, "-m", "imagineai_api"], env=env, stderr=said)  # noqa: ASYNC220
    try:
        await asyncio.wait_for(_answered(url, token, picture, process, log), LONGEST_S)
        yield Replica(url, perf_counter() - began, Part(platform.home, NAME))
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)


async def _answered(
    url: str, token: str, picture: bytes, process: subprocess.Popen[bytes], log: Path
) -> None:
    """Ask until there is an answer."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "image/jpeg"}
    async with httpx.AsyncClient(base_url=f"{url}/api/v1", headers=headers, timeout=LONGEST_S) as http:
        while process.poll() is None:
            with suppress(httpx.ConnectError):  # until it listens
                if (await http.post("/analyze", content=picture)).is_success:
                    return
            await asyncio.sleep(LOOK_S)
    raise SystemExit(f"The replica ended before it answered; {log} says why.")
