"""The walk through a JPEG file. Source: ITU-T T.81, annex B."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final

from imagineai_vision.container import MAX_PARTS, Container, CutOffError, PictureError, exif_orientation

_MAX_JUNK_BYTES: Final = 1024
# Each further scan of a progressive JPEG goes over the whole picture again: thousands of them starve a core.
_MAX_SCAN_PIXELS: Final = 2_000_000_000

_SCAN: Final = 0xDA
_END: Final = 0xD9
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# All application segments but JFIF (E0) and Adobe (EE), which say what the colours mean; and comments.
_METADATA: Final = frozenset(range(0xE1, 0xF0)) - {0xEE} | {0xFE}
_PROFILE: Final = b"ICC_PROFILE\0"
"""Begins a segment with a part of the profile; the part's number and how many there are follow."""
# A marker that starts a segment; in a scan's data FF is followed by 00 or a restart marker.
_MARKER: Final = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")


def walk(data: bytes) -> Container:
    """Keep what decoding needs: the tables, the frame header, JFIF and Adobe markers, and the scans."""
    sizes: list[tuple[int, int]] = []
    orientations: list[int] = []
    profile: dict[int, bytes] = {}
    kept = [data[:2]]
    scans = 0
    for marker, start, end in _segments(data):
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, start + 5)
            sizes.append((width, height))
        elif marker == 0xE1 and data.startswith(b"Exif\0\0", start + 4):
            orientations.append(exif_orientation(data[start + 10 : end]))
        elif marker == 0xE2 and data.startswith(_PROFILE, start + 4):
            number = start + 4 + len(_PROFILE)
            profile[data[number]] = data[number + 2 : end]
        scans += marker == _SCAN
        if marker not in _METADATA:
            kept.append(data[start:end])
    if len(sizes) != 1:
        raise PictureError("The JPEG picture does not have exactly one frame header.")
    width, height = sizes[0]
    if scans > 4 and scans * width * height > _MAX_SCAN_PIXELS:
        raise PictureError(f"The JPEG picture is stored in {scans} scans, which are too many for its size.")
    orientation = orientations[0] if orientations else 1
    whole_profile = b"".join(profile[number] for number in sorted(profile))
    return Container("JPEG", width, height, orientation, b"".join(kept), whole_profile)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of each segment up to the end marker; a scan's data is part of it."""
    position, junk = 2, 0
    for _ in range(MAX_PARTS):
        start, marker = _next_marker(data, position)
        junk += start - position
        if junk > _MAX_JUNK_BYTES:
            raise PictureError("The JPEG picture is damaged: it has no markers where they must be.")
        if marker == _END:
            yield marker, start, start + 2
            return
        (length,) = struct.unpack_from(">H", data, start + 2)
        position = start + 2 + max(length, 2)
        if marker == _SCAN:
            position, _ = _next_marker(data, position)
        yield marker, start, position
    raise PictureError("The JPEG picture is made of too many segments.")


def _next_marker(data: bytes, position: int) -> tuple[int, int]:
    found = _MARKER.search(data, position)
    if found is None:
        raise CutOffError
    return found.start(), data[found.start() + 1]
