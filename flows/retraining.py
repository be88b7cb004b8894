"""``retrain``: the pipeline as one command, a task a stage; what it makes goes through the gate."""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Iterable
from pathlib import Path
from typing import Any, TypeVar

from prefect import flow, task
from prefect.artifacts import acreate_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Cancelled

from flows.command import Command, running
from flows.display import display
from flows.stopping import on_stop
from imagineai_api.settings import read_settings

T = TypeVar("T")

STAGE = re.compile(r"(?:Running stage|Stage) '(?P<name>[^']+)'")
"""How DVC begins what it says of a stage, whether it runs it or not."""
REFUSED = 3
"""The exit code of ``training.promote`` where the gate refuses."""
STOPPED = "Asked to end: the command and all that it had started are ended."


class RetrainingFailed(Exception):
    """A command failed; the text is the last that it said."""


class Stopped(Exception):
    """The run was asked to end, and its command with it."""


@flow(name="retrain", description="From the data to a promoted model, as far as anything changed.")
async def retrain(
    pipeline: Path = Path(),
    target: str = "register",
    sources: dict[str, str] | None = None,
    manual_approval: bool | None = None,
) -> str | State[Any]:
    """Reproduce the pipeline, and promote what it registers if the gate passes.

    Args:
        pipeline: The checkout whose dvc.yaml is reproduced.
        target: The last stage.
        sources: Where photos lie, by the environment variable that names it; None as the worker's own say.
        manual_approval: Whether a person promotes what has passed; None as PROMOTION_APPROVAL says.

    Raises:
        RetrainingFailed: A stage or the gate failed.
    """
    if manual_approval is None:
        manual_approval = read_settings().promotion_approval == "manual"
    judge = ("training.promote", "--if-any", *(("--only-judge",) if manual_approval else ()))
    stop = asyncio.Event()
    try:
        with on_stop(stop.set):
            async with running(("dvc", "repro", target), pipeline, sources or {}) as command:
                await _unless_stopped(command, _show_stages(command), stop)
            async with running(judge, pipeline, {}) as command:
                return await _unless_stopped(command, pass_gate(command), stop)
    except Stopped as stopped:
        return Cancelled(message=str(stopped))


@task(persist_result=False, cache_policy=NO_CACHE)
async def follow_stage(first: str, lines: AsyncIterator[str], command: Command) -> str | None:
    """Forward what a stage says.

    Returns:
        The line that begins the next stage; None where this was the last one.
    """
    said = deque([first], maxlen=3)
    get_run_logger().info(first)
    async for line in lines:
        if STAGE.match(line):
            return line
        said.append(line)
        get_run_logger().info(line)
    await _end(command, said)
    return None


@task(name="gate", task_run_name="gate", persist_result=False, cache_policy=NO_CACHE)
async def pass_gate(command: Command) -> str:
    """Forward what the gate says; a refusal is an answer, not a failure."""
    said = []
    async for line in command.lines():
        said.append(line)
        get_run_logger().info(line)
    if await command.code() != REFUSED:
        await _end(command, said[-3:])
    async with display():
        await acreate_markdown_artifact("\n\n".join(said), key="gate", description="What the gate found")
    return "\n".join(said)


async def _show_stages(command: Command) -> None:
    """Read the command's output, a task for each stage that it names."""
    lines, said = command.lines(), deque[str](maxlen=3)
    line = await anext(lines, None)
    while line is not None:
        if found := STAGE.match(line):
            name = found["name"]
            line = await follow_stage.with_options(name=name, task_run_name=name)(line, lines, command)
        else:
            said.append(line)
            get_run_logger().info(line)
            line = await anext(lines, None)
    await _end(command, said)


async def _end(command: Command, said: Iterable[str]) -> None:
    """Wait for the command's end.

    Raises:
        Stopped: It was stopped.
        RetrainingFailed: It failed.
    """
    code = await command.code()
    if command.stopped:
        raise Stopped(STOPPED)
    if code != 0:
        raise RetrainingFailed(" ".join(said) or f"The command ended with exit code {code}.")


async def _unless_stopped(command: Command, work: Coroutine[Any, Any, T], stop: asyncio.Event) -> T:
    """Do this; where the run is asked to end meanwhile, end the command first.

    Raises:
        Stopped: It was asked to end.
    """
    doing, told = asyncio.ensure_future(work), asyncio.create_task(stop.wait())
    await asyncio.wait((doing, told), return_when=asyncio.FIRST_COMPLETED)
    if not doing.done():
        await command.stop()
        await asyncio.wait((doing,))
    told.cancel()
    if stop.is_set():
        raise Stopped(STOPPED)
    return doing.result()
