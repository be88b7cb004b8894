"""Small pictures: made when they are first asked for, kept in S3 beside the originals."""

import asyncio
import logging
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

from PIL import Image
from sqlalchemy import exists, select

from imagineai_api import thumbnails
from imagineai_api.database import Database
from imagineai_api.errors import DatabaseAway, ObjectChanged, StorageAway
from imagineai_api.storage import Storage
from imagineai_api.tables import ProductImage
from imagineai_vision import picture
from imagineai_vision.picture import PictureError

log = logging.getLogger(__name__)

AT_ONCE = 2
"""While one picture is decoded the next one is fetched; each may have 50 MB."""
WAITING = 500
"""So many pictures may be under way or wait; for more, a client has to ask again."""
REMEMBERED = 20_000
LOW_PRIORITY = 5
State = Literal["there", "coming", "never"]
"""Of a small picture: never, where the original is gone, was changed, or cannot be decoded."""
QUALITY, EFFORT = 75, 2
"""WebP's: a third smaller than as a JPEG, for 3 ms more."""


@dataclass(frozen=True)
class Wanted:
    """A small picture that somebody wants to see.

    Attributes:
        original: The key of the picture.
        etag: Its ETag as it was accepted.
        size: One of ``thumbnails.SIDES``.
        is_settled: Whether no URL can change the original any more.
    """

    original: str
    etag: str
    size: str
    is_settled: bool

    @property
    def key(self) -> str:
        """Where it lies."""
        return thumbnails.key(self.original, self.etag, self.size)


class Maker:
    """Makes small pictures, few at a time, each once however many ask for it."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database = database
        self._storage = storage
        # A thread of its own, which every other one goes before: inference and uploads do not wait for it.
        self._thread = ThreadPoolExecutor(1, "thumbnails", initializer=_stand_back)
        self._places = asyncio.Semaphore(AT_ONCE)
        self._under_way: dict[str, asyncio.Task[State]] = {}
        self._settled: dict[str, None] = {}

    async def look(self, wanted: Sequence[Wanted], *, within_s: float) -> dict[str, State]:
        """Say of each key how it is by then; what is still coming is made all the same."""
        found: dict[str, State] = {one.key: "coming" for one in wanted}
        found |= {one.key: "there" for one in wanted if one.key in self._settled}
        tasks = [self._begin(one) for one in wanted if found[one.key] == "coming"]
        begun = {task: key for key, task in filter(None, tasks)}
        if begun:
            done, _ = await asyncio.wait(begun, timeout=within_s)
            found |= {begun[task]: task.result() for task in done}
        return found

    async def close(self) -> None:
        """End what is under way; whoever asks next begins it again."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _begin(self, wanted: Wanted) -> tuple[str, asyncio.Task[State]] | None:
        """Give its key and the task that has it; None where too many wait."""
        key = wanted.key
        if key not in self._under_way:
            if len(self._under_way) >= WAITING:
                return None
            task = asyncio.create_task(self._have(wanted))
            self._under_way[key] = task
            task.add_done_callback(lambda _: self._under_way.pop(key))
        return key, self._under_way[key]

    async def _have(self, wanted: Wanted) -> State:
        """Find it or make it, of the original that was accepted and no other."""
        try:
            if await self._storage.head(wanted.key) is None:
                is_there = await self._make(wanted)
            else:
                is_there = await self._is_unchanged(wanted)
        except (ObjectChanged, PictureError) as error:
            log.info("There is no small picture of %s: %s", wanted.original, error)
            return "never"
        except (StorageAway, DatabaseAway) as error:
            log.warning("A small picture waits: %s", error)
            return "coming"
        if is_there and wanted.is_settled:
            self._remember(wanted.key)
        return "there" if is_there else "never"

    async def _make(self, wanted: Wanted) -> bool:
        async with self._places:
            data = await self._storage.get(wanted.original, wanted.etag)
            loop, side = asyncio.get_running_loop(), thumbnails.SIDES[wanted.size]
            small = await loop.run_in_executor(self._thread, _shrunk, data, side)
            await self._storage.put(wanted.key, small, thumbnails.CONTENT_TYPE)
        if await self._is_named(wanted.original):
            return True
        # Deleted meanwhile: those who did that may have looked before this lay there.
        await self._storage.delete([wanted.key])
        return False

    async def _is_unchanged(self, wanted: Wanted) -> bool:
        original = await self._storage.head(wanted.original)
        return original is not None and original.etag == wanted.etag

    async def _is_named(self, original: str) -> bool:
        async with self._database.reading() as connection:
            return bool(await connection.scalar(select(exists().where(ProductImage.s3_key == original))))

    def _remember(self, key: str) -> None:
        self._settled[key] = None
        if len(self._settled) > REMEMBERED:
            del self._settled[next(iter(self._settled))]


def _stand_back() -> None:
    # Linux gives each thread a priority of its own.
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOW_PRIORITY)


def _shrunk(data: bytes, side: int) -> bytes:
    small = BytesIO()
    Image.fromarray(picture.fitted(data, side)).save(small, "WEBP", quality=QUALITY, method=EFFORT)
    return small.getvalue()
