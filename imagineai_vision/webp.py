"""The walk through a WebP file. Source: the WebP container specification."""

from __future__ import annotations

import struct

from imagineai_vision.container import MAX_PARTS, Container, CutOffError, PictureError, exif_orientation


def walk(data: bytes) -> Container:
    """Keep the file as long as it says it is; its parts are decoded one frame at a time."""
    (length,) = struct.unpack_from("<I", data, 4)
    if len(data) < length + 8:
        raise CutOffError
    size: tuple[int, int] | None = None
    orientation, position, profile = 1, 12, b""
    for _ in range(MAX_PARTS):
        if position + 8 > length + 8:
            break
        kind, chunk = struct.unpack_from("<4sI", data, position)
        start = position + 8
        if kind == b"EXIF":
            orientation = exif_orientation(data[start : start + chunk])
        elif kind == b"ICCP":
            profile = data[start : start + chunk]
        elif size is None:
            size = _size(kind, data, start)
        position = start + chunk + chunk % 2
    else:
        raise PictureError("The WebP picture is made of too many chunks.")
    if size is None:
        raise PictureError("The WebP picture has no picture data.")
    return Container("WEBP", size[0], size[1], orientation, data[: length + 8], profile)


def _size(kind: bytes, data: bytes, start: int) -> tuple[int, int] | None:
    if kind == b"VP8X":
        low, high = struct.unpack_from("<HB", data, start + 4), struct.unpack_from("<HB", data, start + 7)
        return 1 + low[0] + (low[1] << 16), 1 + high[0] + (high[1] << 16)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, start + 1)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, start + 6)
        return width & 0x3FFF, height & 0x3FFF
    return None
