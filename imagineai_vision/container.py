"""What the bytes of a picture file say before anything is decoded.

Decoders trust their input too much: they inflate metadata, join comments quadratically and read junk byte
by byte. So each file is walked here first, in time linear in its size, checked to be whole, and handed on
without its metadata.

Source: ITU-T T.81 (JPEG), W3C PNG 3rd edition, the WebP container specification, GIF89a.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

MAX_PIXELS: Final = 50_000_000

_MAX_CHUNKS: Final = 100_000
_MAX_INFLATED_BYTES: Final = 8_000_000
_MAX_JUNK_BYTES: Final = 1024
# Each further scan of a progressive JPEG goes over the whole picture again: thousands of them starve a core.
_MAX_SCAN_PIXELS: Final = 2_000_000_000

_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# All application segments but JFIF (E0) and Adobe (EE), which say what the colours mean; and comments.
_JPEG_METADATA: Final = frozenset(range(0xE1, 0xF0)) - {0xEE} | {0xFE}


class PictureError(ValueError):
    """The file is not a picture that is accepted; the text is one sentence for a person."""


@dataclass(frozen=True, slots=True)
class Container:
    """A whole picture file, still encoded.

    Attributes:
        format: Pillow's name of the format: JPEG, PNG, WEBP or GIF.
        width: Stored width in pixels, before the orientation is applied.
        height: Stored height in pixels.
        orientation: The EXIF orientation, 1 (upright) to 8.
        data: The file without its metadata, and without all frames but the first of a GIF.
    """

    format: str
    width: int
    height: int
    orientation: int
    data: bytes


def open_container(data: bytes) -> Container:
    """Recognise a picture by its content and check that the file is whole and not too large.

    Raises:
        PictureError: It is no JPEG, PNG, WebP or GIF, is cut off or malformed, or has over 50 megapixels.
    """
    if not data:
        raise PictureError("The file is empty.")
    walk, name = _recognise(data)
    try:
        container = walk(data)
    except (struct.error, IndexError) as error:
        raise PictureError(f"The {name} picture is cut off: its data ends too early.") from error
    pixels = container.width * container.height
    if pixels > MAX_PIXELS:
        raise PictureError(
            f"The picture has {pixels / 1e6:.1f} megapixels; at most {MAX_PIXELS // 1_000_000} are accepted."
        )
    if pixels == 0:
        raise PictureError(f"The {name} picture has no pixels.")
    return container


def _recognise(data: bytes) -> tuple[Callable[[bytes], Container], str]:
    if data.startswith(b"\xff\xd8\xff"):
        return _walk_jpeg, "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _walk_png, "PNG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _walk_webp, "WebP"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return _walk_gif, "GIF"
    raise PictureError("The file is not a JPEG, PNG, WebP or GIF picture.")


def _walk_jpeg(data: bytes) -> Container:
    """Keep what decoding needs: the tables, the frame header, JFIF and Adobe markers, and the scans."""
    sizes: list[tuple[int, int]] = []
    orientations: list[int] = []
    kept = [data[:2]]
    for marker, start, end in _jpeg_segments(data):
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, start + 5)
            sizes.append((width, height))
        elif marker == 0xE1 and data.startswith(b"Exif\0\0", start + 4):
            orientations.append(_exif_orientation(data[start + 10 : end]))
        if marker not in _JPEG_METADATA:
            kept.append(data[start : len(data) if marker == 0xDA else end])
    if len(sizes) != 1:
        raise PictureError("The JPEG picture does not have exactly one frame header.")
    width, height = sizes[0]
    scans = kept[-1].count(b"\xff\xda")
    if scans > 4 and scans * width * height > _MAX_SCAN_PIXELS:
        raise PictureError(f"The JPEG picture is stored in {scans} scans, which are too many for its size.")
    return Container("JPEG", width, height, orientations[0] if orientations else 1, b"".join(kept))


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of each segment up to the first scan."""
    position, junk = 2, 0
    while True:
        start = data.find(b"\xff", position)
        junk += start - position
        if start < 0:
            raise struct.error
        if junk > _MAX_JUNK_BYTES:
            raise PictureError("The JPEG picture is damaged: it has no markers where they must be.")
        marker = data[start + 1]
        if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD8:
            junk += 1
            position = start + (1 if marker == 0xFF else 2)
            continue
        if marker == 0xD9:
            raise PictureError("The JPEG picture ends before its first scan.")
        (length,) = struct.unpack_from(">H", data, start + 2)
        position = start + 2 + max(length, 2)
        yield marker, start, position
        if marker == 0xDA:
            return


def _walk_png(data: bytes) -> Container:
    """Keep the chunks of the still picture, checked against their CRC."""
    kept = [data[:8]]
    orientation, inflated, ended = 1, 0, False
    for number, (kind, start, end) in enumerate(_png_chunks(data)):
        body = data[start + 8 : end - 4]
        if number == 0 and (kind != b"IHDR" or len(body) != 13):
            raise PictureError("The PNG picture does not start with its header.")
        if kind in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            kept.append(data[start:end])
            ended = kind == b"IEND"
        elif kind == b"eXIf":
            orientation = _exif_orientation(body)
        elif kind in (b"iCCP", b"zTXt", b"iTXt"):
            inflated += _inflated_size(kind, body, _MAX_INFLATED_BYTES - inflated)
    if not ended:
        raise struct.error
    width, height = struct.unpack_from(">II", data, 16)
    return Container("PNG", width, height, orientation, b"".join(kept))


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of each chunk up to IEND."""
    position = 8
    view = memoryview(data)
    for _ in range(_MAX_CHUNKS):
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


def _inflated_size(kind: bytes, body: bytes, limit: int) -> int:
    """Return how many bytes a compressed metadata chunk holds; 0 where it is no zlib stream.

    Raises:
        PictureError: It holds more than ``limit``: the file is a decompression bomb.
    """
    _, _, rest = body.partition(b"\0")
    if kind == b"iTXt":
        if rest[:1] != b"\1":
            return 0
        rest = rest[2:].split(b"\0", 2)[-1]
    else:
        rest = rest[1:]
    try:
        size = len(zlib.decompressobj().decompress(rest, limit + 1))
    except zlib.error:
        return 0
    if size > limit:
        raise PictureError("The PNG picture carries metadata that unpacks to an unreasonable size.")
    return size


def _walk_webp(data: bytes) -> Container:
    (length,) = struct.unpack_from("<I", data, 4)
    if len(data) < length + 8:
        raise struct.error
    size: tuple[int, int] | None = None
    orientation, position = 1, 12
    for _ in range(_MAX_CHUNKS):
        if position + 8 > length + 8:
            break
        kind, chunk = struct.unpack_from("<4sI", data, position)
        start = position + 8
        if kind == b"EXIF":
            orientation = _exif_orientation(data[start : start + chunk])
        elif size is None:
            size = _webp_size(kind, data, start)
        position = start + chunk + chunk % 2
    else:
        raise PictureError("The WebP picture is made of too many chunks.")
    if size is None:
        raise PictureError("The WebP picture has no picture data.")
    return Container("WEBP", size[0], size[1], orientation, data[: length + 8])


def _webp_size(kind: bytes, data: bytes, start: int) -> tuple[int, int] | None:
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


def _walk_gif(data: bytes) -> Container:
    """Keep the first frame alone, with the control block that names its transparent colour."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    position = 13 + _gif_palette_bytes(flags)
    kept = [data[:position]]
    control, frames = b"", 0
    while data[position] != 0x3B:
        start = position
        if data[start] == 0x21:
            position = _gif_blocks_end(data, start + 2)
            if data[start + 1] == 0xF9:
                control = data[start:position]
        elif data[start] == 0x2C:
            left, top, columns, rows, flags = struct.unpack_from("<HHHHB", data, start + 1)
            position = _gif_blocks_end(data, start + 11 + _gif_palette_bytes(flags))
            if not frames:
                kept += [control, data[start:position]]
                width, height = max(width, left + columns), max(height, top + rows)
            frames += 1
        else:
            raise PictureError("The GIF picture is damaged: it has an unknown block.")
    if not frames:
        raise PictureError("The GIF picture has no frame.")
    return Container("GIF", width, height, 1, b"".join(kept) + b";")


def _gif_palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _gif_blocks_end(data: bytes, position: int) -> int:
    while data[position]:
        position += data[position] + 1
    return position + 1


def _exif_orientation(exif: bytes) -> int:
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
