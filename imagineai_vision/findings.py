"""What a model says about one picture, as plain values that travel as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Attribute:
    """One property of the product that the model has a validated answer for.

    Attributes:
        name: One of ``vocabulary.ATTRIBUTE_NAMES``.
        value: A value of that attribute's vocabulary.
        confidence: Probability that the value is right, 0 to 1.
    """

    name: str
    value: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the upright stored picture, inside it; (x, y) is its top left corner."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Defect:
    """One visible defect.

    Attributes:
        type: One of ``vocabulary.DEFECT_TYPES``.
        severity: One of ``vocabulary.SEVERITIES``.
        confidence: Probability that there is a defect, 0 to 1.
        box: Where it is.
        description: One sentence for a person.
    """

    type: str
    severity: str
    confidence: float
    box: Box
    description: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """Everything that one pass through the network yields for one picture.

    Attributes:
        label: The fine label, always the arg-max of ``scores``.
        confidence: ``scores[label]``.
        scores: Probability by label, adding up to 1: the ten best, the remainder under "other".
        category: Of the label, one of ``vocabulary.CATEGORIES``.
        subcategory: Of the label.
        attributes: Main colour first; empty where nothing is known.
        defects: The defects that pass the bundle's threshold.
        defect_score: How defective the whole picture looks, 0 to 1; None from a bundle without a defect head.
        durations_ms: Measured time by phase: decode, classify, extract_attributes, detect_defects.
    """

    label: str
    confidence: float
    scores: dict[str, float]
    category: str
    subcategory: str
    attributes: tuple[Attribute, ...] = ()
    defects: tuple[Defect, ...] = ()
    defect_score: float | None = None
    durations_ms: dict[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return plain dictionaries and lists, ready for ``json.dumps``."""
        values = asdict(self)
        values["attributes"] = list(values["attributes"])
        values["defects"] = list(values["defects"])
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Prediction:
        """Build a prediction from what ``as_dict`` returned.

        Raises:
            KeyError: A field is missing.
            TypeError: A field is unknown.
        """
        attributes = tuple(Attribute(**attribute) for attribute in values["attributes"])
        defects = tuple(Defect(**{**defect, "box": Box(**defect["box"])}) for defect in values["defects"])
        return cls(**{**values, "attributes": attributes, "defects": defects})
