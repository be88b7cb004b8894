"""What becomes of a piece: pictures of it, or the reason why there are none."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Picture:
    """A rendered picture.

    Attributes:
        name: Of its file, without suffix.
        jpeg: The file's bytes.
        mask: PNG of one bit a pixel, white where the product is.
        color: Main colour of the product, of ``vocabulary.COLORS``, or empty.
        material: Of ``vocabulary.MATERIALS``, or empty.
    """

    name: str
    jpeg: bytes
    mask: bytes
    color: str
    material: str


@dataclass(frozen=True, slots=True)
class Broken:
    """A piece that cannot be rendered, and why."""

    piece: str
    reason: str
