"""The WebSocket: what happened so far, then what happens, then the end."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
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

ROWS_WHILE_REDIS_IS_AWAY_S = 1
ROWS_ANYWAY_S = 10
"""How long a socket waits for an event before it looks at the rows itself."""
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
        await socket.send_text(event.to_json())
    await socket.close(NORMAL_CLOSURE)


@router.websocket("/{path:path}")
async def refuse_unknown(socket: WebSocket, path: str) -> None:
    """Answer a handshake at any other address as any unknown path is answered, not with an empty 403."""
    await socket.send_denial_response(error_answers.answer(NotFound()))


async def follow(hub: Hub, database: Database, job: UUID, after: int) -> AsyncIterator[Event]:
    """Yield a job's events above ``after`` in order, each once, up to and with its last.

    Subscribes first, then reads the rows, then listens; a gap in the numbers is filled from the rows.
    """
    async with hub.subscribe(job) as queue:
        missed, seen = await _rows(database, job, after), after
        while True:
            for event in missed:
                if event.seq > seen or event.last:
                    seen = event.seq
                    yield event
                    if event.last:
                        return
            heard = await _next(hub, queue)
            in_order = heard is not None and heard.seq == seen + 1
            missed = [heard] if heard is not None and in_order else await _missed(database, job, seen, heard)


async def _missed(database: Database, job: UUID, seen: int, event: Event | None) -> list[Event]:
    if event is not None and event.seq <= seen:
        return []
    return await _rows(database, job, seen)


async def _rows(database: Database, job: UUID, after: int) -> list[Event]:
    try:
        async with database.reading() as connection:
            return await jobs.events_since(connection, job, after)
    except ImagineAIError as error:
        log.warning("A watcher waits for the database: %s", error)
        return []


async def _next(hub: Hub, queue: asyncio.Queue[Event]) -> Event | None:
    wait_s = ROWS_ANYWAY_S if hub.connected.is_set() else ROWS_WHILE_REDIS_IS_AWAY_S
    with suppress(TimeoutError):
        return await asyncio.wait_for(queue.get(), wait_s)
    return None


async def _until_gone(socket: WebSocket) -> None:
    # Whatever a client says, in text or in bytes, is passed over.
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def _keep_place(socket: WebSocket, user_id: UUID, place: str) -> None:
    while True:
        await asyncio.sleep(PLACE_RENEWED_S)
        await socket.app.state.limits.keep_socket(user_id, place)
