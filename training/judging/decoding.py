"""What the decode costs: photos read as they are served beside photos of which every pixel is decoded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imagineai_vision.agreement.answers import answers
from imagineai_vision.agreement.differences import Difference, difference
from imagineai_vision.agreement.plain import PLAIN
from imagineai_vision.engine import Engine


def judge_decode(engine: Engine, paths: Sequence[Path]) -> Difference:
    """Return how far the answers for photos are from those after the plain decode.

    Args:
        engine: The loaded bundle.
        paths: Of at least one photo.
    """
    photos = [path.read_bytes for path in paths]
    served = answers(engine.bundle, engine.placement, photos)
    return difference(served, answers(engine.bundle, engine.placement, photos, PLAIN))
