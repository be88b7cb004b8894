"""What an image in a worker's hands has done since it was last written."""

import time
from dataclasses import dataclass, field
from typing import Any

from imagineai_api.errors import ImagineAIError, Superseded, Unavailable
from imagineai_api.jobs.claims import Claimed


@dataclass(frozen=True)
class StepStart:
    """A step began; ``at`` is ``time.monotonic()``."""

    name: str
    at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class StepEnd:
    """How a step ended: its measured duration, and what it found or why it failed."""

    name: str
    status: str
    duration_ms: float
    data: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    at: float = field(default_factory=time.monotonic)


@dataclass
class Change:
    """The steps of one image that are not yet written, and its end where it has come.

    Attributes:
        begins: With this the attempt counts, because the claim did not count it.
        ended: "completed" or "failed"; None while the image is being worked on.
        error: Why it failed, in words.
    """

    work: Claimed
    flow_run_id: str | None = None
    begins: bool = False
    steps: list[StepStart | StepEnd] = field(default_factory=list)
    ended: str | None = None
    error: str | None = None

    def then(self, later: "Change") -> "Change":
        """Put a later change of the same image behind this one."""
        return Change(
            self.work,
            self.flow_run_id,
            self.begins or later.begins,
            [*self.steps, *later.steps],
            self.ended or later.ended,
            self.error or later.error,
        )


def is_fault(error: ImagineAIError) -> bool:
    """Tell a fault of the image or of its step from a part that is away for a moment."""
    return not isinstance(error, Superseded | Unavailable)
