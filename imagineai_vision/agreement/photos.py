"""Photos to compare on: drawn evenly from a folder, and enlarged to the size that cameras make."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps

_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif"})
_QUALITY: Final = 92


def drawn(folder: Path, most: int, side: int | None = None) -> list[Callable[[], bytes]]:
    """Return up to so many photos of a folder and of those in it; each is read when it is called.

    Args:
        folder: Where they lie.
        most: How many at most; drawn evenly from all in the order of their paths.
        side: Enlarges each to so many pixels on its longer side, as a JPEG; None leaves files as they are.

    Raises:
        FileNotFoundError: There is none.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if not paths:
        raise FileNotFoundError(f"There is no photo in {folder}.")
    chosen = [paths[index * len(paths) // most] for index in range(most)] if len(paths) > most else paths
    if side is None:
        return [path.read_bytes for path in chosen]
    return [partial(_enlarged, path, side) for path in chosen]


def _enlarged(path: Path, side: int) -> bytes:
    """Make what a camera with more pixels could have made; the sensor's own detail is missing."""
    with Image.open(path) as opened:
        image = ImageOps.exif_transpose(opened).convert("RGB")
    scale = side / max(image.size)
    size = round(image.width * scale), round(image.height * scale)
    file = BytesIO()
    image.resize(size, Image.Resampling.LANCZOS).save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
