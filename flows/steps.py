"""The steps of one image: each writes its row and publishes its events, and its duration is measured."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from flows.workplace import Workplace
from imagineai_api import tracing
from imagineai_api.analysis.description import Description
from imagineai_api.analysis.service import Result
from imagineai_api.errors import ImagineAIError
from imagineai_api.jobs.changes import StepEnd, StepStart, is_fault
from imagineai_api.jobs.claims import Claimed
from imagineai_vision.findings import Prediction


class Report:
    """What a step says when it ends.

    Attributes:
        data: What it found, as JSON.
        elsewhere_ms: Work of this step that was done, and measured, in another step's time.
        foreign_ms: Time in this step that was the work of others.
    """

    def __init__(self) -> None:
        self.data: dict[str, Any] = {}
        self.elsewhere_ms = 0.0
        self.foreign_ms = 0.0
        self._started = time.perf_counter()

    def duration_ms(self) -> float:
        """Give the step's own time."""
        return (time.perf_counter() - self._started) * 1000 + self.elsewhere_ms - self.foreign_ms


class StepFailed(Exception):
    """A step could not be done; carries how it ended."""

    def __init__(self, end: StepEnd) -> None:
        super().__init__(end.error)
        self.end = end


class ImageRun:
    """One claimed image on its way through the steps; what it does is written beside its work."""

    def __init__(self, place: Workplace, work: Claimed, flow_run_id: str | None) -> None:
        self._work = work
        self._page = place.ledger.open(work, flow_run_id)
        self._ended: StepEnd | None = None
        self._began_at: float | None = None

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[Report]:
        """Run one step.

        Raises:
            Superseded: The image is no longer ours.
            StepFailed: The step raised an error that belongs to the image.
            Unavailable: A part is away; the image goes back to the queue.
        """
        await self._start(name)
        report = Report()
        try:
            with tracing.tracer.start_as_current_span(name):
                yield report
        except ImagineAIError as error:
            if is_fault(error):
                raise StepFailed(StepEnd(name, "failed", report.duration_ms(), error=str(error))) from error
            raise
        self._ended = StepEnd(name, "completed", report.duration_ms(), report.data)

    async def complete(self, prediction: Prediction, model_version: str, description: Description) -> None:
        """Store what was found, end the last step, the image, and the job where it was the last.

        Raises:
            Superseded: The image is no longer ours; nothing is stored.
        """
        self._tell_end()
        result = Result(self._work.image_id, prediction, model_version, description, self._elapsed_ms())
        self._page.end("completed", result=result)
        await self._page.written()

    async def fail(self, sentence: str, end: StepEnd | None = None) -> None:
        """End the image as failed, at a step where one is to blame.

        Raises:
            Superseded: The image is no longer ours.
        """
        self._ended = end or self._ended
        self._tell_end()
        self._page.end("failed", error=sentence)
        await self._page.written()

    async def _start(self, name: str) -> None:
        self._page.check()
        self._tell_end()
        self._page.tell(StepStart(name))
        if self._began_at is None:
            if not self._work.counted:
                # What it may do to its process must find the attempt counted.
                await self._page.written()
            self._began_at = time.perf_counter()

    def _tell_end(self) -> None:
        if self._ended is not None:
            self._page.tell(self._ended)
            self._ended = None

    def _elapsed_ms(self) -> int:
        return round((time.perf_counter() - (self._began_at or time.perf_counter())) * 1000)
