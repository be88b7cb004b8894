"""The flow workers: they take runs from Prefect's work pools and run them as processes."""

import json
import sys
import sysconfig
from functools import partial
from pathlib import Path

from imagineai_local.configuration import Configuration
from imagineai_local.http import request
from imagineai_local.part import Part


def deployments(configuration: Configuration) -> Part:
    """Describe the command that tells Prefect which flows there are."""
    return Part(
        name="deployments",
        title="Flow deployments",
        command=(sys.executable, "-m", "flows.deployments"),
        env=configuration.environment("deployments"),
        cwd=configuration.repository,
        log=configuration.home.log("deployments"),
        needs=("prefect",),
        once=True,
    )


def interactive(configuration: Configuration) -> Part:
    """Describe the worker for the shifts that serve single uploads."""
    return _worker(configuration, "interactive", limit=4)


def batch(configuration: Configuration) -> Part:
    """Describe the worker for batches and retraining; uploads never wait behind them."""
    return _worker(configuration, "batch", limit=2)


def _worker(configuration: Configuration, pool: str, *, limit: int) -> Part:
    url = configuration.variables["PREFECT_API_URL"]
    prefect = str(Path(sysconfig.get_path("scripts")) / "prefect")
    return Part(
        name=pool,
        title=f"Flow worker ({pool})",
        command=(
            sys.executable, prefect, "worker", "start",
            "--pool", pool, "--type", "process", "--name", f"{pool}-1", "--limit", str(limit),
        ),
        env=configuration.environment(pool, PREFECT_WORKER_QUERY_SECONDS="2"),
        cwd=configuration.repository,
        log=configuration.home.log(pool),
        needs=("redis", "s3", "deployments"),
        ready=partial(_online, url, pool),
    )  # fmt: skip


async def _online(url: str, pool: str) -> str:
    answer = await request(f"{url}/work_pools/{pool}/workers/filter", method="POST", body=b"{}")
    if answer.status != 200:
        return "its work pool"
    workers = json.loads(answer.body)
    online = any(worker["name"] == f"{pool}-1" and worker["status"] == "ONLINE" for worker in workers)
    return "" if online else "its first heartbeat"
