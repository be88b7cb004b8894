"""The parameters of the renders: section `renders` of params.yaml."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RenderRecipe:
    """How pieces are rendered.

    Attributes:
        seed: Of views, lights, backgrounds and noise.
        pictures: Of each piece.
        side: The longer side of a picture in pixels.
    """

    seed: int
    pictures: int
    side: int
