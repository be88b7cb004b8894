"""A user of the service whose calls and events are timed."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Self
from uuid import uuid4

import httpx
from websockets.asyncio.client import ClientConnection, connect

PASSWORD = "a password for measuring"
ANSWER_S = 120.0
LAST = ("job_complete", "job_failed")


@dataclass(frozen=True)
class Uploaded:
    """A picture that was taken in, and when the service had said so (``perf_counter``, seconds)."""

    image_id: str
    job_id: str
    answered_at: float


@dataclass(frozen=True)
class Heard:
    """One event of a job and when it arrived (``perf_counter``, seconds)."""

    event: dict[str, Any]
    at: float


class Caller:
    """One account and its connections; made by ``signed_up``."""

    def __init__(self, url: str, http: httpx.AsyncClient, token: str) -> None:
        self._sockets = url.replace("http", "ws", 1)
        self._http = http
        self.token = token

    @classmethod
    @asynccontextmanager
    async def signed_up(cls, url: str) -> AsyncIterator[Self]:
        """Open an account for the block."""
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
        async with httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=ANSWER_S, limits=limits) as http:
            login = {"email": f"{uuid4()}@example.com", "password": PASSWORD}
            (await http.post("/auth/register", json={**login, "full_name": "Bench"})).raise_for_status()
            tokens = (await http.post("/auth/login", json=login)).raise_for_status().json()
            http.headers["Authorization"] = f"Bearer {tokens['access_token']}"
            yield cls(url, http, tokens["access_token"])

    async def product(self, title: str) -> str:
        """Create a product; gives its id."""
        return str((await self.ask("POST", "/products", json={"title": title}))["id"])

    async def upload(self, product: str, picture: bytes) -> Uploaded:
        """Upload a JPEG."""
        files = {"file": ("picture.jpg", picture, "image/jpeg")}
        answer = await self.ask("POST", "/uploads/direct", data={"product_id": product}, files=files)
        return Uploaded(answer["image_id"], answer["job_id"], perf_counter())

    async def batch(self, product: str, image_ids: list[str]) -> str:
        """Start a batch; gives the job's id."""
        body = {"product_id": product, "image_ids": image_ids}
        return str((await self.ask("POST", "/batch", json=body))["id"])

    async def job(self, job_id: str) -> dict[str, Any]:
        """Read a job with its steps."""
        answer: dict[str, Any] = await self.ask("GET", f"/jobs/{job_id}")
        return answer

    @asynccontextmanager
    async def socket(self, job_id: str) -> AsyncIterator[ClientConnection]:
        """Open the WebSocket of a job."""
        address = f"{self._sockets}/ws/processing/{job_id}?token={self.token}"
        async with connect(address, compression=None, max_queue=None, ping_interval=None) as socket:
            yield socket

    async def watch(self, job_id: str) -> list[Heard]:
        """Follow a job to its end; gives every event with the moment of its arrival."""
        async with self.socket(job_id) as socket:
            return await heard(socket)

    async def ask(self, method: str, path: str, **content: Any) -> Any:
        """Make a call; what is no success raises."""
        answer = (await self._http.request(method, path, **content)).raise_for_status()
        return answer.json() if answer.content else None


async def heard(socket: ClientConnection) -> list[Heard]:
    """Collect what a socket says until the job's last event."""
    events: list[Heard] = []
    while not events or events[-1].event["type"] not in LAST:
        message = await asyncio.wait_for(socket.recv(), ANSWER_S)
        events.append(Heard(json.loads(message), perf_counter()))
    return events
