"""Events of jobs: written by flows, carried by Redis, read by sockets.

Redis only carries them. What a watcher missed is read from the job's step rows, so a lost message costs a
moment, never a message.
"""

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from imagineai_api.errors import RedisAway
from imagineai_api.redis_link import CONNECT_S, RedisLink
from imagineai_api.settings import Settings

log = logging.getLogger(__name__)

CHANNEL = "imagineai:job:"
RECONNECT_S = 0.5
QUIET_S = 2.0
"""A subscription that has been quiet for so long is asked for a sign of life, and given up without one."""
BUFFERED_EVENTS = 10_000
READS_AT_ONCE = 4
"""So many sockets read rows at once: a thousand that come together leave connections to everybody else."""


@dataclass(frozen=True)
class Event:
    """One message about a job, as the WebSocket sends it.

    Attributes:
        seq: Grows by job; a watcher that has seen ``seq`` needs only what is above it.
        progress: Steps done of five for a single job, images done of all for a batch.
    """

    type: str
    job_id: UUID
    seq: int
    image_id: UUID | None
    step: str | None
    status: str
    progress: tuple[int, int]
    data: dict[str, Any] | None
    timestamp: datetime

    @property
    def last(self) -> bool:
        """Whether nothing comes after it."""
        return self.type != "step_update"

    @cached_property
    def text(self) -> str:
        """The contract's message, as JSON; written once, however many watch."""
        completed, total = self.progress
        return json.dumps(
            {
                "type": self.type,
                "job_id": str(self.job_id),
                "image_id": None if self.image_id is None else str(self.image_id),
                "step": self.step,
                "status": self.status,
                "progress": {"completed": completed, "total": total},
                "data": self.data,
                "timestamp": self.timestamp.astimezone(UTC).isoformat().replace("+00:00", "Z"),
                "seq": self.seq,
            }
        )

    @classmethod
    def from_json(cls, message: str | bytes) -> "Event":
        """Read back what ``text`` says."""
        fields = json.loads(message)
        return cls(
            type=fields["type"],
            job_id=UUID(fields["job_id"]),
            seq=fields["seq"],
            image_id=None if fields["image_id"] is None else UUID(fields["image_id"]),
            step=fields["step"],
            status=fields["status"],
            progress=(fields["progress"]["completed"], fields["progress"]["total"]),
            data=fields["data"],
            timestamp=datetime.fromisoformat(fields["timestamp"]),
        )


async def publish(redis: RedisLink, events: Iterable[Event]) -> None:
    """Send events in order. Redis being away loses nothing: watchers read the rows."""
    with suppress(RedisAway), redis.attempt():
        async with redis.client.pipeline(transaction=False) as pipe:
            for event in events:
                pipe.publish(f"{CHANNEL}{event.job_id}", event.text)
            await pipe.execute()


class Subscription:
    """What one watcher is told of a job: events in a queue, and None where it has to look at the rows.

    Attributes:
        seen: The number of the newest event that the watcher has.
    """

    def __init__(self, seen: int) -> None:
        self.seen = seen
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue(BUFFERED_EVENTS)

    async def next(self) -> list[Event | None]:
        """Wait for what is told next, and take all that is there; None: something that no message told."""
        heard = [await self._queue.get()]
        while not self._queue.empty():
            heard.append(self._queue.get_nowait())
        return heard

    def tell(self, event: Event) -> None:
        """Pass an event on; a watcher that far behind reads the rows instead."""
        if self._queue.full():
            self._queue = asyncio.Queue(BUFFERED_EVENTS)
            self.look()
        else:
            self._queue.put_nowait(event)

    def look(self) -> None:
        """Have the watcher look at the rows."""
        self._queue.put_nowait(None)

    def misses(self, newest: int, *, ended: bool) -> bool:
        """Say whether the watcher lacks an event, the job's last for one, and nothing is on its way to it."""
        return (ended or self.seen < newest) and self._queue.empty()


class Hub:
    """One Redis subscription for all the sockets of this process."""

    def __init__(self, settings: Settings) -> None:
        # An idle blocking read must not time out: redis-py's default of 5 s raises there.
        self._redis = Redis.from_url(
            settings.redis_url,
            socket_timeout=None,
            socket_connect_timeout=CONNECT_S,
            retry=Retry(NoBackoff(), 0),
            client_name="imagineai-hub",
        )
        self._watched: dict[UUID, set[Subscription]] = defaultdict(set)
        self._pubsub: PubSub | None = None
        self.connected = asyncio.Event()
        self.reads = asyncio.Semaphore(READS_AT_ONCE)

    @asynccontextmanager
    async def subscribe(self, job_id: UUID, seen: int) -> AsyncIterator[Subscription]:
        """Collect the events of a job from now on, for a watcher that has those up to ``seen``."""
        subscription, first = Subscription(seen), job_id not in self._watched
        self._watched[job_id].add(subscription)
        if first:
            await self._ask("subscribe", job_id)
        try:
            yield subscription
        finally:
            self._watched[job_id].discard(subscription)
            if not self._watched[job_id]:
                del self._watched[job_id]
                await self._ask("unsubscribe", job_id)

    def watched(self) -> list[UUID]:
        """List the jobs that somebody watches here."""
        return list(self._watched)

    def newest(self, job_id: UUID, seq: int, *, ended: bool) -> None:
        """Say which event of a job is the newest; watchers that lack it look at the rows."""
        for subscription in self._watched.get(job_id, ()):
            if subscription.misses(seq, ended=ended):
                subscription.look()

    async def run(self) -> None:
        """Read the subscription for ever, over every loss of Redis."""
        while True:
            try:
                await self._read()
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("The event subscription was lost: %s", error or "no sign of life")
            finally:
                self.connected.clear()
            await asyncio.sleep(RECONNECT_S)

    async def close(self) -> None:
        """Close the connection."""
        await self._redis.aclose()

    async def _read(self) -> None:
        async with self._redis.pubsub() as pubsub:
            known = set(self._watched)
            async with asyncio.timeout(QUIET_S):
                await pubsub.subscribe(f"{CHANNEL}hub", *(f"{CHANNEL}{job_id}" for job_id in known))
            self._pubsub = pubsub
            for job_id in set(self._watched) - known:
                await self._ask("subscribe", job_id)
            self.connected.set()
            try:
                while True:
                    await self._hear(pubsub)
            finally:
                self._pubsub = None

    async def _hear(self, pubsub: PubSub) -> None:
        """Take the next message; a frozen or vanished Redis breaks no connection, so it is asked for one."""
        message = await pubsub.get_message(timeout=QUIET_S)
        if message is None:
            await pubsub.ping()
            message = await pubsub.get_message(timeout=QUIET_S)
        if message is None:
            raise TimeoutError
        if message["type"] == "message":
            self._deliver(Event.from_json(message["data"]))

    def _deliver(self, event: Event) -> None:
        for subscription in self._watched.get(event.job_id, ()):
            subscription.tell(event)

    async def _ask(self, what: str, job_id: UUID) -> None:
        if self._pubsub is None:
            return
        try:
            await getattr(self._pubsub, what)(f"{CHANNEL}{job_id}")
        except (RedisError, OSError) as error:
            log.warning("The event subscription could not %s: %s", what, error)
