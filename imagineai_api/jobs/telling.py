"""From what images did to what is told of it: the newest row of each step, and every event in order."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from imagineai_api.events import Event
from imagineai_api.jobs.changes import Change, StepEnd, StepStart
from imagineai_api.tables import STEPS


@dataclass(frozen=True)
class Clock:
    """The database's time at a moment of this process's clock, so that no worker's own time is written."""

    now: datetime
    monotonic: float

    def when(self, at: float) -> datetime:
        """Give the database's time at a moment of ``time.monotonic()``."""
        return self.now - timedelta(seconds=self.monotonic - at)


class JobStory:
    """One locked job's numbering: every event gets the next ``seq``, and progress never falls.

    Args:
        job_id: The job.
        job_type: "single" or "batch".
        total: Its images.
        seq: The number of its newest event.
        reached: The progress told so far: steps of a single job, images of a batch.
        clock: The database's time.
    """

    def __init__(self, job_id: UUID, job_type: str, total: int, seq: int, reached: int, clock: Clock) -> None:
        self.job_id = job_id
        self.seq = seq
        self.events: list[Event] = []
        self._single = job_type == "single"
        self._total = len(STEPS) if self._single else total
        self._reached = reached
        self._clock = clock
        self._rows: dict[tuple[UUID, str], dict[str, Any]] = {}

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The newest state of every step that changed, as JSON for ``STEPS`` of ``progress``."""
        return list(self._rows.values())

    def add(self, change: Change) -> None:
        """Tell one image's steps; the last of an image that has ended counts the image."""
        for index, step in enumerate(change.steps):
            last = index == len(change.steps) - 1
            self._advance(step, image_ends=change.ended is not None and last)
            self._tell(change.work.image_id, step)
        if change.ended is not None and not change.steps:
            self._advance(None, image_ends=True)

    def _advance(self, step: StepStart | StepEnd | None, *, image_ends: bool) -> None:
        if not self._single:
            self._reached += image_ends
        elif step is not None:
            done = isinstance(step, StepEnd) and step.status == "completed"
            # A second attempt begins again, but the progress that was told never falls.
            self._reached = max(self._reached, STEPS.index(step.name) + done)

    def _tell(self, image_id: UUID, step: StepStart | StepEnd) -> None:
        self.seq += 1
        at = self._clock.when(step.at)
        row = self._row(image_id, step.name)
        row |= {"seq": self.seq, "progress": self._reached}
        if isinstance(step, StepStart):
            row |= {"status": "running", "started_at": at.isoformat(), "completed_at": None}
            status, data = "running", None
        else:
            row |= {
                "status": step.status,
                "completed_at": at.isoformat(),
                "duration_ms": round(step.duration_ms),
                "error": step.error,
                "data": step.data,
            }
            status, data = step.status, told(step.status, step.data, step.error)
        self.events.append(
            Event(
                type="step_update",
                job_id=self.job_id,
                seq=self.seq,
                image_id=image_id,
                step=step.name,
                status=status,
                progress=(self._reached, self._total),
                data=data,
                timestamp=at,
            )
        )

    def _row(self, image_id: UUID, step: str) -> dict[str, Any]:
        ids = {"job_id": str(self.job_id), "image_id": str(image_id), "step": step}
        return self._rows.setdefault((image_id, step), ids)


def told(status: str, data: dict[str, Any], error: str | None) -> dict[str, Any] | None:
    """Give what an event says of a step, the same live and read again later: nothing until it has ended."""
    if status == "running":
        return None
    return {**data, "error": error} if error else data
