"""Dynamic batches: many threads hand in decoded pictures, one thread has the device compute them together.

No timer makes a batch: an idle device takes all that is queued. Only while another picture is being decoded
it waits for that one, and no longer than about one pass takes.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import Final, Protocol

import numpy as np

from imagineai_vision.placements.placement import (
    Compute,
    GivenUp,
    NobodyWaits,
    Outputs,
    Rgb,
    somebody_waits,
)

PATIENCE_S: Final = 0.002
"""A picture waits no longer for others that are being decoded: a large file takes a second."""
CLOSED: Final = "the engine is closed"


class Device(Protocol):
    """What computes: it has rows for pictures, and passes over so many of them at once.

    Attributes:
        device: "cpu" or "cuda".
        batches: How many pictures a pass may take, ascending.
        rows: How many pictures it holds.
    """

    device: str
    batches: tuple[int, ...]
    rows: int

    def put(self, row: int, rgb: Rgb) -> None:
        """Write a picture into a row; several threads may do so at once, each into a row of its own."""

    def run(self, rows: Sequence[int]) -> Outputs:
        """Compute the pictures of these rows, as many as one of the batches; one thread alone does so."""


@dataclass(eq=False)
class _Waiting:
    """A picture that was handed in."""

    row: int
    given_up: GivenUp
    since: float = field(default_factory=time.monotonic)
    answer: Future[Outputs] = field(default_factory=Future)


@dataclass(eq=False)
class _Expected:
    """A picture that is being decoded, until it has been handed in."""

    given_up: GivenUp
    is_decoding: bool = True


class Batcher:
    """The placement of a device that computes many pictures together.

    Args:
        device: What computes.
        patience_s: How long a picture waits at most for others that are being decoded.
    """

    def __init__(self, device: Device, patience_s: float = PATIENCE_S) -> None:
        self.device = device.device
        self.batches = device.batches
        self._most = device.batches[-1]
        self._device = device
        self._patience_s = patience_s
        self._changed = Condition()
        self._free = list(range(device.rows))
        self._queue: deque[_Waiting] = deque()
        self._decoding = 0
        self._is_closed = False
        self._thread = Thread(target=self._serve, name="batches", daemon=True)
        self._thread.start()

    @contextmanager
    def expected(self, given_up: GivenUp = somebody_waits) -> Iterator[Compute]:
        """Say that a picture is being decoded: an idle device waits for it a little."""
        picture = _Expected(given_up)
        with self._changed:
            self._decoding += 1
        try:
            yield lambda rgb: self._hand_in(picture, rgb).result()
        finally:
            with self._changed:
                self._has_decoded(picture)

    def outputs(self, rgb: Rgb) -> Outputs:
        """Return the outputs of N pictures, computed as they come, beside those of other threads."""
        handed_in = [self._hand_in(_Expected(somebody_waits, is_decoding=False), one) for one in rgb]
        answers = [answer.result() for answer in handed_in]
        return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}

    def close(self) -> None:
        """Refuse new pictures, compute those that wait, end the thread."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join()

    # What callers' threads do

    def _hand_in(self, picture: _Expected, rgb: Rgb) -> Future[Outputs]:
        row = self._take_row(picture)
        try:
            self._device.put(row, rgb)
        except BaseException:
            self._give_back([row])
            raise
        waiting = _Waiting(row, picture.given_up)
        with self._changed:
            self._ensure_open([row])
            self._queue.append(waiting)
            self._has_decoded(picture)
            self._changed.notify_all()
        return waiting.answer

    def _take_row(self, picture: _Expected) -> int:
        with self._changed:
            self._changed.wait_for(lambda: self._free or self._is_closed or picture.given_up())
            self._ensure_open()
            if picture.given_up():
                raise NobodyWaits
            return self._free.pop()

    def _ensure_open(self, rows: Sequence[int] = ()) -> None:
        if self._is_closed:
            self._free += rows
            raise RuntimeError(CLOSED)

    def _give_back(self, rows: Sequence[int]) -> None:
        with self._changed:
            self._free += rows
            self._changed.notify_all()

    def _has_decoded(self, picture: _Expected) -> None:
        if picture.is_decoding:
            picture.is_decoding = False
            self._decoding -= 1
            self._changed.notify_all()

    # What the device's thread does

    def _serve(self) -> None:
        try:
            while (batch := self._next_batch()) is not None:
                self._compute(batch)
        finally:
            self._end()

    def _next_batch(self) -> list[_Waiting] | None:
        """Wait for pictures and take them, those left out whose callers gave up; None once all is done."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._is_closed)
            if not self._queue:
                return None
            patience_s = self._queue[0].since + self._patience_s - time.monotonic()
            self._changed.wait_for(self._nobody_is_worth_waiting_for, max(0.0, patience_s))
            batch: list[_Waiting] = []
            while self._queue and len(batch) < self._most:
                waiting = self._queue.popleft()
                if waiting.given_up():
                    self._free.append(waiting.row)
                    waiting.answer.set_exception(NobodyWaits())
                else:
                    batch.append(waiting)
            self._changed.notify_all()  # the rows of those who gave up are free
            return batch

    def _nobody_is_worth_waiting_for(self) -> bool:
        return self._decoding == 0 or len(self._queue) >= self._most or self._is_closed

    def _compute(self, batch: list[_Waiting]) -> None:
        if not batch:
            return
        rows = [waiting.row for waiting in batch]
        size = self.batches[bisect_left(self.batches, len(rows))]
        try:
            # Any picture fills the rest of the batch: what comes of it is nobody's.
            outputs = self._device.run(rows + rows[:1] * (size - len(rows)))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is their callers' to hear
            for waiting in batch:
                waiting.answer.set_exception(_failed(error))
        else:
            for index, waiting in enumerate(batch):
                own = {name: values[index : index + 1] for name, values in outputs.items()}
                waiting.answer.set_result(own)
        finally:
            self._give_back(rows)

    def _end(self) -> None:
        """Leave nobody waiting, should the thread end before its time."""
        with self._changed:
            self._is_closed = True
            for waiting in self._queue:
                waiting.answer.set_exception(RuntimeError(CLOSED))
            self._queue.clear()
            self._changed.notify_all()


def _failed(error: Exception) -> RuntimeError:
    """Make each caller an error of its own: raised in many threads, one would collect all their traces."""
    failed = RuntimeError(f"the device could not compute the batch: {error}")
    failed.__cause__ = error
    return failed
