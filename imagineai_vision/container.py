"""What the bytes of a picture file say before anything is decoded.

Decoders trust their input too much: they inflate metadata, join comments quadratically and read junk byte
by byte. So ``jpeg``, ``png``, ``webp`` and ``gif`` walk each file first, in time linear in its size, check
that it is whole, and hand it on without its metadata.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

MAX_PARTS: Final = 100_000
"""Segments, chunks or frames of one file; pictures have a few thousand."""


class PictureError(ValueError):
    """The file is not a picture that is accepted; the text is one sentence for a person."""


class CutOffError(Exception):
    """The file ends before the picture does."""


@dataclass(frozen=True, slots=True)
class Container:
    """A whole picture file, still encoded.

    Attributes:
        format: Pillow's name of the format: JPEG, PNG, WEBP or GIF.
        width: Stored width in pixels, before the orientation is applied.
        height: Stored height in pixels.
        orientation: The EXIF orientation, 1 (upright) to 8.
        data: The file without its metadata, and without all frames but the first of a GIF.
        profile: The ICC profile that its colours are meant by; empty where it has none.
    """

    format: str
    width: int
    height: int
    orientation: int
    data: bytes
    profile: bytes = b""


def exif_orientation(exif: bytes) -> int:
    """Return the orientation tag, 1 to 8; 1 where there is none or the block is malformed."""
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(order + "I", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, directory)
        for entry in range(directory + 2, directory + 2 + 12 * entries, 12):
            tag, kind = struct.unpack_from(order + "HH", tiff, entry)
            if tag == 0x0112:
                (value,) = struct.unpack_from(order + ("I" if kind == 4 else "H"), tiff, entry + 8)
                return int(value) if 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1
