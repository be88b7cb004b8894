"""The flow workers: they take runs from Prefect's work pools and run them as processes."""

import hashlib
import json
import shutil
import sys
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

from imagineai_local.configuration import Configuration
from imagineai_local.home import write_private
from imagineai_local.http import request
from imagineai_local.part import Part


def deployments(configuration: Configuration) -> Part:
    """Describe the command that tells Prefect which flows there are; skipped where it knows these already."""
    url = configuration.variables["PREFECT_API_URL"]
    done = _Done(
        url,
        configuration.home.data("prefect") / "deployed.json",
        configuration.repository,
        # Without the variable the service's own default holds, which lies in its settings.
        configuration.inherited.get("HOUSEKEEPING_CRON"),
    )
    return Part(
        name="deployments",
        title="Flow deployments",
        command=(sys.executable, "-m", "flows.deployments"),
        env=configuration.prefect_environment("deployments"),
        cwd=configuration.repository,
        log=configuration.home.log("deployments"),
        needs=("prefect",),
        once=True,
        needless=done.still_holds,
        finished=done.write_down,
    )


def interactive(configuration: Configuration) -> Part:
    """Describe the worker for the shifts that serve single uploads."""
    return _worker(configuration, "interactive", limit=4, look_every_s=5)


def batch(configuration: Configuration) -> Part:
    """Describe the worker for batches and retraining; uploads never wait behind them."""
    return replace(_worker(configuration, "batch", "--spare", limit=2, look_every_s=5), late=True)


def _worker(configuration: Configuration, pool: str, *options: str, limit: int, look_every_s: int) -> Part:
    url = configuration.variables["PREFECT_API_URL"]
    temporary = configuration.home.folder / "tmp" / pool
    return Part(
        name=pool,
        title=f"Flow worker ({pool})",
        command=(
            sys.executable, "-m", "flows.worker", pool, "--name", f"{pool}-1", "--limit", str(limit),
            *options,
        ),
        # Prefect's worker shares a folder in /tmp with those of all other users, or fails to.
        env=configuration.prefect_environment(
            pool, PREFECT_WORKER_QUERY_SECONDS=str(look_every_s), TMPDIR=str(temporary)
        ),
        cwd=configuration.repository,
        log=configuration.home.log(pool),
        needs=("redis", "s3", "deployments"),
        grace_s=20,  # its runs finish the pictures that they hold
        prepare=partial(_forget_old, url, pool, temporary),
        ready=partial(_online, url, pool),
    )  # fmt: skip


async def _forget_old(url: str, pool: str, temporary: Path) -> None:
    """Clear up after the worker of the last start, which Prefect takes for alive for a while."""
    _empty(temporary)
    await request(f"{url}/work_pools/{pool}/workers/{pool}-1", method="DELETE")


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


async def _online(url: str, pool: str) -> str:
    answer = await request(f"{url}/work_pools/{pool}/workers/filter", method="POST", body=b"{}")
    if answer.status != 200:
        return "its work pool"
    workers = json.loads(answer.body)
    online = any(worker["name"] == f"{pool}-1" and worker["status"] == "ONLINE" for worker in workers)
    return "" if online else "its first heartbeat"


@dataclass(frozen=True)
class _Done:
    """Whether Prefect still has the deployments made from the flows as they are now."""

    url: str
    record: Path
    repository: Path
    schedule: str | None

    async def still_holds(self) -> bool:
        """Compare with what was written down; any doubt means that the work is to be done again."""
        return self.record.exists() and self.record.read_text() == await self._now()

    async def write_down(self) -> None:
        """Remember what is deployed."""
        write_private(self.record, await self._now())

    async def _now(self) -> str:
        flows = hashlib.sha256(version("prefect").encode() + str(self.repository).encode())
        settings = self.repository / "imagineai_api" / "settings.py"
        for path in (*sorted((self.repository / "flows").glob("*.py")), settings):
            flows.update(path.read_bytes())
        answer = await request(f"{self.url}/deployments/filter", method="POST", body=b"{}")
        ids = (
            sorted(deployment["id"] for deployment in json.loads(answer.body)) if answer.status == 200 else []
        )
        return json.dumps({"flows": flows.hexdigest(), "schedule": self.schedule, "deployments": ids})
