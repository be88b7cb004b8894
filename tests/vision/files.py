"""Picture files of every kind, made with Pillow or byte by byte."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

SIZE = (400, 300)
D50 = (0.9642, 1.0, 0.8249)
# sRGB's own primaries, and those of Display P3, both adapted to D50.
SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
DISPLAY_P3 = ((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1572, 0.0666, 0.7841))


def scene():
    """A picture whose four quarters differ, with gradients that compression keeps."""
    rows, columns = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    rgb = np.stack((columns * 255 / SIZE[0], rows * 255 / SIZE[1], 255 - columns * 200 / SIZE[0]), axis=-1)
    rgb[:100, :100] = (250, 20, 20)
    return Image.fromarray(rgb.astype(np.uint8))


def encode(image, form, **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def gray_16():
    return Image.fromarray(np.asarray(scene().convert("L")).astype(np.uint16) * 257)


def profile(red, green, blue, gamma=2.2):
    """An ICC profile (version 2, matrix and gamma) whose primaries are these XYZ colours under D50."""

    def number(value):
        return struct.pack(">i", round(value * 65536))

    def xyz(values):
        return b"XYZ \0\0\0\0" + b"".join(map(number, values))

    curve = b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(gamma * 256))
    tags = {b"rXYZ": xyz(red), b"gXYZ": xyz(green), b"bXYZ": xyz(blue), b"wtpt": xyz(D50)}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    place, table, data = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += name + struct.pack(">II", place + len(data), len(content))
        data += content
    head = struct.pack(">I4sI4s4s4s", place + len(data), b"lcms", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head = head.ljust(36, b"\0") + b"acsp"
    head = head.ljust(68, b"\0") + b"".join(map(number, D50))
    return head.ljust(128, b"\0") + table + data


def turned(orientation, form="JPEG", **options):
    """A file that is upright only once its EXIF orientation has been applied."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    image = scene() if undo is None else scene().transpose(undo)
    return encode(image, form, exif=exif.tobytes(), **options)


def accepted():
    """Every kind of file that has to be analysed, by name."""
    image = scene()
    other = image.transpose(Image.Transpose.ROTATE_180)
    return {
        "JPEG": encode(image, "JPEG", quality=92),
        "progressive JPEG": encode(image, "JPEG", quality=92, progressive=True),
        "gray JPEG": encode(image.convert("L"), "JPEG"),
        "CMYK JPEG": encode(image.convert("CMYK"), "JPEG", quality=92),
        "JPEG with much metadata": encode(
            image, "JPEG", comment=b"\xff\xda" * 200, icc_profile=b"x" * 90_000
        ),
        "JPEG with a second picture behind": encode(image, "JPEG") + encode(other, "JPEG"),
        "PNG": encode(image, "PNG"),
        "PNG with alpha": encode(image.convert("RGBA"), "PNG"),
        "gray PNG with alpha": encode(image.convert("LA"), "PNG"),
        "palette PNG": encode(image.quantize(64), "PNG"),
        "palette PNG with a transparent colour": encode(image.quantize(64), "PNG", transparency=3),
        "1-bit PNG": encode(image.convert("1"), "PNG"),
        "16-bit PNG": encode(gray_16(), "PNG"),
        "animated PNG": encode(image, "PNG", save_all=True, append_images=[other]),
        "GIF": encode(image, "GIF"),
        "animated GIF": encode(image, "GIF", save_all=True, append_images=[other], comment=b"hello" * 99),
        "WebP": encode(image, "WEBP"),
        "lossless WebP": encode(image, "WEBP", lossless=True),
        "WebP with alpha": encode(image.convert("RGBA"), "WEBP"),
        "animated WebP": encode(image, "WEBP", save_all=True, append_images=[other]),
        "1 by 1": encode(image.resize((1, 1)), "PNG"),
        "2000 by 3": encode(image.resize((2000, 3)), "JPEG"),
    }


def png_chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*chunks, width=8, height=8, rows=None):
    """A PNG of 8-bit gray with further chunks after its header."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    rows = zlib.compress(b"\0" * (width + 1) * height) if rows is None else rows
    return (
        b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")
    )


def many_scans():
    """A small progressive JPEG whose last scan is repeated thousands of times over a large frame."""
    data = encode(Image.new("L", (4000, 4000), 90), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * 3000 + b"\xff\xd9"
