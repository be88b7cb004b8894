"""``housekeeping``: removes what nobody needs any longer, a task a duty."""

import asyncio
import logging
from dataclasses import dataclass

from prefect import flow, task
from prefect.artifacts import acreate_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Completed, Failed

from flows.display import cell, display
from flows.stopping import on_stop
from imagineai_api.errors import ImagineAIError
from imagineai_api.housekeeping import service as house
from imagineai_api.housekeeping.duty import Bounds, Outcome, Premises, open_premises
from imagineai_api.housekeeping.service import DUTIES, Duty
from imagineai_api.settings import read_settings

log = logging.getLogger(__name__)

UNEXPECTED = "It met an error that it did not expect; the log of its task has it."
STOPPED = "Asked to end: what is left waits for the next run."


@dataclass(frozen=True)
class Tried:
    """A duty with what it did, or with an error in words where it failed."""

    duty: str
    outcome: Outcome | None = None
    error: str = ""


@flow(name="housekeeping", description="Removes what nobody needs any longer.", log_prints=False)
async def housekeeping() -> State[str]:
    """Try every duty, one after another; failed in the end where one of them failed."""
    stop = asyncio.Event()
    async with open_premises(read_settings()) as premises:
        with on_stop(stop.set):
            tried = [await _try(premises, duty, stop) for duty in DUTIES if not stop.is_set()]
    async with display():
        await acreate_markdown_artifact(_table(tried), key="housekeeping", description="What was removed")
    if stop.is_set():
        return Cancelled(message=STOPPED)
    failed = [f"{one.duty}: {one.error}" for one in tried if one.error]
    if failed:
        return Failed(message=" ".join(failed))
    return Completed(message=f"{sum(one.outcome.removed for one in tried if one.outcome)} things removed")


@task(persist_result=False, cache_policy=NO_CACHE)
async def attend(premises: Premises, duty: Duty, bounds: Bounds) -> Outcome:
    """Do one duty."""
    outcome = await house.attend(premises, duty, bounds)
    get_run_logger().info("%d looked at, %d removed", outcome.looked_at, outcome.removed)
    return outcome


async def _try(premises: Premises, duty: Duty, stop: asyncio.Event) -> Tried:
    bounds = Bounds(premises.settings, stop)
    named = attend.with_options(name=duty.name, task_run_name=duty.name)
    try:
        return Tried(duty.name, await named(premises, duty, bounds))
    except ImagineAIError as error:
        return Tried(duty.name, error=str(error))
    except Exception:
        log.exception("The duty %s", duty.name)
        return Tried(duty.name, error=UNEXPECTED)


def _table(tried: list[Tried]) -> str:
    lines = [f"| {one.duty} | {_figures(one.outcome)} | {_words(one)} |" for one in tried]
    return "\n".join(["| duty | looked at | removed | errors and remarks |", "|---|---|---|---|", *lines])


def _figures(outcome: Outcome | None) -> str:
    return f"{outcome.looked_at} | {outcome.removed}" if outcome else "? | ?"


def _words(one: Tried) -> str:
    """Give what there is to say, in a table's cell."""
    said = one.outcome.remarks if one.outcome else (f"**failed:** {one.error}",)
    return "<br>".join(map(cell, said))
