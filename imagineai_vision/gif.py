"""The walk through a GIF file. Source: CompuServe, GIF89a."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from imagineai_vision.container import MAX_PARTS, Container, PictureError

_MAX_BLOCKS: Final = 1_000_000

_EXTENSION: Final = 0x21
_CONTROL: Final = 0xF9
_FRAME: Final = 0x2C
_TRAILER: Final = 0x3B


def walk(data: bytes) -> Container:
    """Keep the first frame alone, with the control block that names its transparent colour."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    first = 13 + _palette_bytes(flags)
    kept = [data[:first]]
    control, has_frame = b"", False
    for start, end in _parts(data, first):
        if data[start] == _EXTENSION:
            control = data[start:end] if data[start + 1] == _CONTROL else control
        elif not has_frame:
            has_frame = True
            kept += [control, data[start:end]]
            left, top, columns, rows = struct.unpack_from("<HHHH", data, start + 1)
            width, height = max(width, left + columns), max(height, top + rows)
    if not has_frame:
        raise PictureError("The GIF picture has no frame.")
    return Container("GIF", width, height, 1, b"".join(kept) + b";")


def _parts(data: bytes, position: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of each extension and each frame up to the trailer."""
    blocks = 0
    for _ in range(MAX_PARTS):
        start = position
        if data[start] == _TRAILER:
            return
        if data[start] == _EXTENSION:
            position = start + 2
        elif data[start] == _FRAME:
            position = start + 11 + _palette_bytes(data[start + 9])
        else:
            raise PictureError("The GIF picture is damaged: it has an unknown block.")
        while data[position]:
            position += data[position] + 1
            blocks += 1
            if blocks > _MAX_BLOCKS:
                raise PictureError("The GIF picture is made of too many blocks.")
        position += 1
        yield start, position
    raise PictureError("The GIF picture is made of too many blocks.")


def _palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
