"""The walk through a PNG file. Source: W3C, Portable Network Graphics, 3rd edition."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

from imagineai_vision.container import MAX_PARTS, Container, CutOffError, PictureError, exif_orientation

_MAX_INFLATED_BYTES: Final = 8_000_000
_INFLATED_AT_ONCE: Final = 1_000_000
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7: Final = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""First column, first row, step right and step down of each pass."""


def walk(data: bytes) -> Container:
    """Keep the chunks of the still picture, checked against their CRC."""
    kept = [data[:8]]
    orientation, inflated, ended, profile = 1, 0, False, b""
    for number, (kind, start, end) in enumerate(_png_chunks(data)):
        body = data[start + 8 : end - 4]
        if number == 0 and (kind != b"IHDR" or len(body) != 13):
            raise PictureError("The PNG picture does not start with its header.")
        if kind in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            kept.append(data[start:end])
            ended = kind == b"IEND"
        elif kind == b"eXIf":
            orientation = exif_orientation(body)
        elif kind in (b"iCCP", b"zTXt", b"iTXt"):
            content = _inflated(kind, body, _MAX_INFLATED_BYTES - inflated)
            inflated += len(content)
            if kind == b"iCCP":
                profile = content
    if not ended:
        raise CutOffError
    width, height = struct.unpack_from(">II", data, 16)
    return Container("PNG", width, height, orientation, b"".join(kept), profile)


def check_rows(container: Container) -> None:
    """Prove that the pixel data reaches to the last row; Pillow leaves missing rows black without a word.

    What may follow behind it is not looked at; no decoder does.

    Raises:
        PictureError: The data ends earlier, or is damaged before.
    """
    wanted = _stream_bytes(container)
    inflater = zlib.decompressobj()
    for kind, start, end in _png_chunks(container.data):
        packed = container.data[start + 8 : end - 4] if kind == b"IDAT" else b""
        while packed and wanted > 0:
            try:
                wanted -= len(inflater.decompress(packed, min(wanted, _INFLATED_AT_ONCE)))
            except zlib.error as error:
                raise PictureError("The PNG picture is damaged: its rows cannot be unpacked.") from error
            packed = inflater.unconsumed_tail
    if wanted > 0:
        raise PictureError("The PNG picture is cut off: its last rows are missing.")


def _stream_bytes(container: Container) -> int:
    """Count the bytes that all rows have, each with its filter byte, in one pass or in Adam7's seven."""
    depth, colour, _, _, interlaced = struct.unpack_from(">5B", container.data, 24)
    bits = depth * _CHANNELS[colour]
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    total = 0
    for left, top, right, down in passes:
        columns = -((left - container.width) // right)
        rows = -((top - container.height) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of each chunk up to IEND."""
    position = 8
    view = memoryview(data)
    for _ in range(MAX_PARTS):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        (crc,) = struct.unpack_from(">I", data, end - 4)
        if crc != zlib.crc32(view[position + 4 : end - 4]):
            raise PictureError("The PNG picture is damaged: a checksum in it is wrong.")
        yield kind, position, end
        if kind == b"IEND":
            return
        position = end
    raise PictureError("The PNG picture is made of too many chunks.")


def _inflated(kind: bytes, body: bytes, limit: int) -> bytes:
    """Return what a compressed metadata chunk holds; nothing where it is no zlib stream.

    Raises:
        PictureError: It holds more than ``limit``: the file is a decompression bomb.
    """
    _, _, rest = body.partition(b"\0")
    if kind == b"iTXt":
        if rest[:1] != b"\1":
            return b""
        rest = rest[2:].split(b"\0", 2)[-1]
    else:
        rest = rest[1:]
    try:
        content = zlib.decompressobj().decompress(rest, limit + 1)
    except zlib.error:
        return b""
    if len(content) > limit:
        raise PictureError("The PNG picture carries metadata that unpacks to an unreasonable size.")
    return content
