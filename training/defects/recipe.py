"""The parameters of the defect head's training: section `defects` of params.yaml."""

from __future__ import annotations

from dataclasses import dataclass

from training.defects.kinds import TYPES


@dataclass(frozen=True, slots=True)
class DefectRecipe:
    """How the defect head is trained, read and measured.

    Attributes:
        seed: Of what is painted, the order and the head's first weights.
        size: Side of the network's input in pixels.
        examples: Pictures painted for training.
        epochs: Passes over them.
        batch: Examples in a batch.
        learning_rate: Highest of the one-cycle schedule.
        edge: Share of a region's peak at which its outline is drawn.
        flagged_share: Share of good validation photos that may be flagged.
        checks: Pictures painted to calibrate, and again to measure.
        left_out: A type that is painted to measure alone, to see whether what was never learned is found;
            none by default.
    """

    seed: int
    size: int
    examples: int
    epochs: int
    batch: int
    learning_rate: float
    edge: float
    flagged_share: float
    checks: int
    left_out: str = ""

    @property
    def kinds(self) -> tuple[str, ...]:
        """The types that it learns."""
        return tuple(kind for kind in TYPES if kind != self.left_out)
