"""How long a new replica takes from its command to its first answer about a picture."""

import asyncio
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from time import perf_counter

import httpx

from bench.platform import Platform, free_ports

LOOK_S = 0.02
LONGEST_S = 120
TIMES = 3


async def cold_start_s(platform: Platform, token: str, picture: bytes) -> float:
    """Give the median time to a first answer, in s.

    The replica shares the platform's stores and its folder of models, as one that is started again does.

    Args:
        platform: That the replica joins.
        token: Of one of its users.
        picture: What is asked.
    """
    taken = sorted([await _one(platform, token, picture) for _ in range(TIMES)])
    return taken[TIMES // 2]


async def _one(platform: Platform, token: str, picture: bytes) -> float:
    port = free_ports()
    env = {**os.environ, **platform.env, "API_PORT": str(port), "INFERENCE_PORT": str(port + 1)}
    log = platform.home / "logs" / "cold.log"
    began = perf_counter()
    with log.open("a") as said:
        replica = subprocess.Popen([sys.executable, "-m", "imagineai_api"], env=env, stderr=said)  # noqa: ASYNC220
    try:
        await asyncio.wait_for(_answered(f"http://127.0.0.1:{port}", token, picture, replica, log), LONGEST_S)
        return perf_counter() - began
    finally:
        replica.terminate()
        await asyncio.to_thread(replica.wait)


async def _answered(
    url: str, token: str, picture: bytes, replica: subprocess.Popen[bytes], log: Path
) -> None:
    """Ask until there is an answer."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "image/jpeg"}
    async with httpx.AsyncClient(base_url=f"{url}/api/v1", headers=headers, timeout=LONGEST_S) as http:
        while replica.poll() is None:
            with suppress(httpx.ConnectError):  # until it listens
                if (await http.post("/analyze", content=picture)).is_success:
                    return
            await asyncio.sleep(LOOK_S)
    raise SystemExit(f"The replica ended before it answered; {log} says why.")
