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
        rounds: How many times pictures are painted anew for training.
        examples: Pictures painted for each round.
        epochs: Passes over each round's pictures.
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
    rounds: int
    examples: int
    epochs: int
    batch: int
    learning_rate: float
    edge: float
    flagged_share: float
    checks: int
    left_out: str = ""

    @property
    def steps(self) -> int:
        """Batches of the whole training."""
        return self.rounds * self.epochs * -(-self.examples // self.batch)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The types that it learns."""
        return tuple(kind for kind in TYPES if kind != self.left_out)
