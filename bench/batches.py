"""Batches: how many pictures a second, and how soon a cancelled one stands still."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import httpx

from bench.caller import Caller, Heard
from bench.processes import Part

HELD = "imagineai_predictions_held"
LOOK_S = 0.02


@dataclass(frozen=True)
class Batched:
    """One batch from the request to its last event.

    Attributes:
        pictures_per_s: End to end.
        first_s: From the request to the first event.
        prefect_ms: CPU of Prefect's server for each picture.
    """

    pictures_per_s: float
    first_s: float
    prefect_ms: float


async def run_batch(caller: Caller, prefect: Part, product: str, image_ids: list[str]) -> Batched:
    """Run a batch and watch it."""
    cpu_s, began = prefect.cpu_s(), perf_counter()
    events = await caller.watch(await caller.batch(product, image_ids))
    _require_complete(events)
    taken_s = events[-1].at - began
    prefect_ms = (prefect.cpu_s() - cpu_s) / len(image_ids) * 1e3
    return Batched(len(image_ids) / taken_s, events[0].at - began, prefect_ms)


async def cancelled_s(caller: Caller, metrics_url: str, product: str, image_ids: list[str]) -> float:
    """Cancel a batch at work; gives how long after the request the prediction service stands still, in s."""
    job_id = await caller.batch(product, image_ids)
    while (await caller.ask("GET", f"/batch/{job_id}"))["processed_images"] == 0:  # noqa: ASYNC110
        await asyncio.sleep(LOOK_S)
    began = perf_counter()
    await caller.ask("DELETE", f"/batch/{job_id}")
    async with httpx.AsyncClient() as http:
        while await metric(http, metrics_url, HELD):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)
    return perf_counter() - began


async def memory_growth(
    caller: Caller, parts: Sequence[Part], product: str, image_ids: list[str], images: int
) -> list[float]:
    """Run batch after batch over so many images; gives the parts' memory after each, in MB."""
    after = []
    for _ in range(max(2, images // len(image_ids))):
        _require_complete(await caller.watch(await caller.batch(product, image_ids)))
        after.append(sum(part.memory_bytes() for part in parts) / 1e6)
    return after


async def metric(http: httpx.AsyncClient, url: str, name: str) -> float:
    """Read one metric of the service."""
    lines = (await http.get(url)).text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


def _require_complete(events: list[Heard]) -> None:
    if events[-1].event["type"] != "job_complete":
        raise SystemExit(f"The batch that was measured did not complete: {events[-1].event}")
