"""The WebSocket: what happened so far, then what happens, then the end."""

import asyncio
import logging
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, WebSocket, WebSocketDisconnect

from imagineai_api import error_answers
from imagineai_api.database import Database
from imagineai_api.errors import ImagineAIError, NotFound, Unauthorized
from imagineai_api.events import Event, Hub
from imagineai_api.identity import CurrentUser, user_of_token
from imagineai_api.jobs import service as jobs

log = logging.getLogger(__name__)

PLACE_RENEWED_S = 20
NORMAL_CLOSURE = 1000

router = APIRouter()


@router.websocket("/ws/processing/{job_id}")
async def watch_job(
    socket: WebSocket, job_id: str, token: str = "", after: Annotated[str, Query()] = "0"
) -> None:
    """Send a job's events until its end. ``after`` resumes above a ``seq`` that was seen."""
    await socket.accept()
    try:
        async with socket.app.state.hub.reads:
            user, job = await _admit(socket, job_id, token)
        place = await socket.app.state.limits.take_socket(user.id)
    except ImagineAIError as error:
        fields = {"user_id": getattr(socket.state, "user_id", None)}
        log.warning("A socket was refused with %d: %s", error.close_code, error, extra={"fields": fields})
        await socket.close(error.close_code, str(error))
        return
    try:
        await _serve(socket, job, user, place, int(after) if after.isdecimal() and len(after) < 19 else 0)
    finally:
        if place is not None:
            await socket.app.state.limits.free_socket(user.id, place)


async def _admit(socket: WebSocket, job_id: str, token: str) -> tuple[CurrentUser, UUID]:
    if not token:
        raise Unauthorized
    user = await user_of_token(socket, token)
    socket.state.user_id = str(user.id)
    try:
        job = UUID(job_id)
    except ValueError as error:
        raise NotFound from error
    async with socket.app.state.database.reading() as connection:
        await jobs.ensure_owner(connection, user.id, job)
    return user, job


async def _serve(socket: WebSocket, job: UUID, user: CurrentUser, place: str | None, after: int) -> None:
    """Send until the end, until the client leaves, whichever comes first."""
    tasks = {asyncio.create_task(_send(socket, job, after)), asyncio.create_task(_until_gone(socket))}
    if place is not None:
        tasks.add(asyncio.create_task(_keep_place(socket, user.id, place)))
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    except WebSocketDisconnect:
        log.debug("A watcher of job %s left", job)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _send(socket: WebSocket, job: UUID, after: int) -> None:
    state = socket.app.state
    async for event in follow(state.hub, state.database, job, after):
        await socket.send_text(event.text)
    await socket.close(NORMAL_CLOSURE)


@router.websocket("/{path:path}")
async def refuse_unknown(socket: WebSocket, path: str) -> None:
    """Answer a handshake at any other address as any unknown path is answered, not with an empty 403."""
    await socket.send_denial_response(error_answers.answer(NotFound()))


async def follow(hub: Hub, database: Database, job: UUID, after: int) -> AsyncIterator[Event]:
    """Yield a job's events above ``after`` in order, each once, up to and with its last.

    Subscribes first, then reads the rows, then listens; a gap in the numbers is filled from the rows.
    """
    read = partial(_rows, hub, database, job)
    async with hub.subscribe(job, after) as subscription:
        missed = await read(after)
        while True:
            for event in missed:
                if event.seq > subscription.seen or event.last:
                    subscription.seen = event.seq
                    yield event
                    if event.last:
                        return
            heard, seen = await subscription.next(), subscription.seen
            fresh = _in_order(heard, seen)
            missed = await read(seen) if fresh is None else fresh


def _in_order(heard: list[Event | None], seen: int) -> list[Event] | None:
    """Give what is new of what was heard; None where an event is missing, or the last one was passed over."""
    fresh: list[Event] = []
    for event in heard:
        if event is None or event.seq > seen + len(fresh) + 1 or (event.last and event.seq <= seen):
            return None
        if event.seq == seen + len(fresh) + 1:
            fresh.append(event)
    return fresh


async def _rows(hub: Hub, database: Database, job: UUID, after: int) -> list[Event]:
    try:
        # Of one moment: a job that ends between two reads would hide its last steps behind its end.
        async with hub.reads, database.snapshot() as connection:
            return await jobs.events_since(connection, job, after)
    except ImagineAIError as error:
        log.warning("A watcher waits for the database: %s", error)
        return []


async def _until_gone(socket: WebSocket) -> None:
    # Whatever a client says, in text or in bytes, is passed over.
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def _keep_place(socket: WebSocket, user_id: UUID, place: str) -> None:
    while True:
        await asyncio.sleep(PLACE_RENEWED_S)
        await socket.app.state.limits.keep_socket(user_id, place)
