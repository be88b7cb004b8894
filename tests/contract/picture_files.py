"""Makers of picture files, good and bad, for the tables in pictures.py."""

import io
import struct
import zipfile
import zlib

from PIL import Image, ImageCms, ImageDraw

JPEG, PNG, WEBP, GIF = "image/jpeg", "image/png", "image/webp", "image/gif"
SIZE = (96, 64)


def drawn(mode="RGB", size=SIZE):
    """A picture with something on it, in any of Pillow's modes."""
    image = Image.new("RGB", size, (230, 228, 220))
    ImageDraw.Draw(image).rectangle((size[0] // 4, 0, size[0] // 2, size[1]), fill=(30, 90, 160))
    if mode == "I;16":
        return Image.frombytes("I;16", size, struct.pack(f"<{size[0] * size[1]}H", *range(size[0] * size[1])))
    return image.convert(mode)


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def jpeg(mode="RGB", size=SIZE, **options):
    return saved(drawn(mode, size), "JPEG", **options)


def png(mode="RGB", size=SIZE, **options):
    return saved(drawn(mode, size), "PNG", **options)


def webp(size=SIZE, mode="RGB", **options):
    return saved(drawn(mode, size), "WEBP", **options)


def gif(size=SIZE, mode="P", **options):
    return saved(drawn(mode, size), "GIF", **options)


def frames(kind, count=3, **options):
    more = [drawn("RGB").rotate(30 * turn) for turn in range(1, count)]
    return saved(drawn("RGB"), kind, save_all=True, append_images=more, duration=80, **options)


def see_through():
    """A picture of which the right half is not there."""
    image = drawn("RGBA")
    image.paste((0, 0, 0, 0), (SIZE[0] // 2, 0, *SIZE))
    return image


def oriented(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return jpeg(exif=exif)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def raw_png(width, height, depth, color, rows, extra=b""):
    """A PNG written by hand; ``rows`` is the filtered data, not yet compressed."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def interlaced_png():
    """Gray, 8 x 8, in the seven passes of Adam7."""
    passes = [(1, 1), (1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4)]  # width, height
    rows = b"".join(
        (b"\0" + bytes([40 * number] * width)) * height for number, (width, height) in enumerate(passes)
    )
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 1))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def flat_png(width, height):
    """One bit a pixel, all black: few bytes for very many pixels."""
    row = bytes(1 + (width + 7) // 8)
    packer = zlib.compressobj()
    data = b"".join(
        [
            *(packer.compress(row * 1000) for _ in range(height // 1000)),
            packer.compress(row * (height % 1000)),
        ]
    )
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", data + packer.flush()) + chunk(b"IEND", b"")


def deep_png():
    """16 bits for each of red, green and blue."""
    row = b"\0" + struct.pack(">144H", *([40_000, 20_000, 60_000] * 48))
    return raw_png(48, 10, 16, 2, row * 10)


def cut(content, share):
    """The first part of a file; ``share`` of its bytes, or all but so many where it is negative."""
    return content[:share] if share < 0 else content[: int(len(content) * share)]


def with_bytes(content, place, new):
    """The same file, other bytes at one place."""
    return content[:place] + new + content[place + len(new) :]


def huge_jpeg():
    """A frame header (SOF0) that claims 65,500 x 65,500."""
    content = jpeg()
    return with_bytes(content, content.index(b"\xff\xc0") + 5, struct.pack(">HH", 65_500, 65_500))


def huge_webp():
    """An extended header (VP8X) that claims 16,384 x 16,384 around a small picture."""
    content = webp()
    head = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (16_383).to_bytes(3, "little") * 2
    body = b"WEBP" + head + content[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def iso_media(brand):
    """The start of a HEIC or AVIF file, as phones make them."""
    return struct.pack(">I", 24) + b"ftyp" + brand + bytes(4) + b"mif1" + brand + bytes(2000)


def many_frames(count):
    """A GIF of very many small frames, of which only the first is read."""
    first = gif()
    frame = first[first.index(b"\x2c", 13 + 3 * 2 ** ((first[10] & 7) + 1)) : -1]
    return first[:-1] + frame * count + b"\x3b"


def zipped():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("hello.txt", "hello")
    return out.getvalue()


def with_flipped_byte(content, place):
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


def srgb_profile():
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def no_height(content):
    """The same JPEG, its frame header (SOF0) claiming no rows."""
    place = content.index(b"\xff\xc0") + 5
    return content[:place] + b"\0\0" + content[place + 2 :]


def with_chunk(kind, data):
    """A PNG with one more chunk behind its header."""
    content = png()
    return content[:33] + chunk(kind, data) + content[33:]


def no_zlib_png():
    """A PNG whose pixel chunk is sound but holds nothing that zlib could read."""
    content = png()
    return content[:33] + chunk(b"IDAT", b"x" * 200) + chunk(b"IEND", b"")


def bad_code_size_gif():
    """A GIF whose pixels begin with a code size of 40; 2 to 8 are possible."""
    content = gif()
    first_image = content.index(b"\x2c", 13 + 3 * 2 ** ((content[10] & 7) + 1))
    return with_bytes(content, first_image + 10, bytes([40]))
