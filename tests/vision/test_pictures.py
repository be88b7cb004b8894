"""What is accepted as a picture, what is refused, and what comes out."""

import struct
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from imagineai_vision.picture import MAX_PIXELS, PictureError, examine, fitted, read
from tests.vision import files

ACCEPTED = files.accepted()


def difference(rgb, image):
    """Mean distance, in levels, from an image scaled plainly."""
    plain = np.asarray(image.convert("RGB").resize(rgb.shape[:2], Image.Resampling.BICUBIC))
    return np.abs(rgb.astype(int) - plain).mean()


@pytest.mark.parametrize("name", ACCEPTED)
def test_every_kind_of_picture_is_examined_and_read(name):
    facts = examine(ACCEPTED[name])
    rgb = read(ACCEPTED[name], 64)
    assert (rgb.shape, rgb.dtype) == ((64, 64, 3), np.uint8)
    assert facts.content_type in ("image/jpeg", "image/png", "image/webp", "image/gif")
    assert (facts.width, facts.height) in (files.SIZE, (1, 1), (2000, 3))


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("JPEG", 2), ("progressive JPEG", 2), ("CMYK JPEG", 3), ("JPEG with a second picture behind", 3),
        ("PNG", 1), ("PNG with alpha", 1), ("palette PNG", 8), ("animated PNG", 1), ("animated GIF", 8),
        ("WebP", 4), ("lossless WebP", 1), ("animated WebP", 4),
    ],
)  # fmt: skip
def test_the_pixels_are_those_of_the_first_frame(name, limit):
    assert difference(read(ACCEPTED[name], 96), files.scene()) < limit


def test_sixteen_bits_are_scaled_and_not_clipped_to_white():
    assert difference(read(ACCEPTED["16-bit PNG"], 96), files.scene().convert("L")) < 1.5


@pytest.mark.parametrize("form", ["PNG", "WEBP", "GIF"])
def test_what_is_transparent_lies_over_white(form):
    clear = Image.new("RGBA", (40, 40), (200, 0, 0, 0))
    assert read(files.encode(clear, form), 16).min() == 255


def test_half_transparent_black_over_white_is_gray():
    veil = Image.new("RGBA", (40, 40), (0, 0, 0, 128))
    assert np.abs(read(files.encode(veil, "PNG"), 16).astype(int) - 127).max() <= 1


RED, GREEN, BLUE = files.SRGB


@pytest.mark.parametrize(
    ("form", "mode"), [("JPEG", "RGB"), ("PNG", "RGB"), ("PNG", "RGBA"), ("WEBP", "RGB"), ("WEBP", "RGBA")]
)
def test_a_colour_profile_is_followed(form, mode):
    """What the file calls red is blue by its profile."""
    exchanged = files.profile(BLUE, GREEN, RED)
    red = Image.new("RGB", (40, 40), (255, 0, 0)).convert(mode)
    rgb = read(files.encode(red, form, icc_profile=exchanged), 16).astype(int)
    assert np.abs(rgb - (0, 0, 255)).max() <= 4


def test_a_photo_in_display_p3_gets_the_colours_that_were_seen():
    p3 = files.profile(*files.DISPLAY_P3)
    picture = Image.new("RGB", (40, 40), (200, 80, 80))
    rgb = read(files.encode(picture, "PNG", icc_profile=p3), 16).astype(int)
    assert np.abs(rgb - seen_in_srgb((200, 80, 80))).max() <= 2


def seen_in_srgb(value, gamma=2.2):
    """The same colour by plain arithmetic."""
    p3, srgb = (np.array(primaries).T for primaries in (files.DISPLAY_P3, files.SRGB))
    linear = np.linalg.solve(srgb, p3 @ (np.array(value) / 255) ** gamma).clip(0, 1)
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(curved * 255)


def test_the_transparent_part_of_a_profiled_picture_still_lies_over_white():
    clear = Image.new("RGBA", (40, 40), (200, 0, 0, 0))
    assert read(files.encode(clear, "PNG", icc_profile=files.profile(BLUE, GREEN, RED)), 16).min() == 255


@pytest.mark.parametrize("icc", [b"no profile", bytes(200_000), files.profile(RED, GREEN, BLUE)[:200]])
def test_a_broken_profile_is_passed_over(icc):
    data = files.encode(files.scene(), "JPEG", quality=92, icc_profile=icc)
    assert difference(read(data, 96), files.scene()) < 2


def test_several_threads_convert_at_once():
    exchanged = files.profile(BLUE, GREEN, RED)
    data = files.encode(files.scene(), "PNG", icc_profile=exchanged)
    with ThreadPoolExecutor(4) as pool:
        read_at_once = list(pool.map(lambda _: read(data, 96), range(32)))
    assert all(np.array_equal(rgb, read_at_once[0]) for rgb in read_at_once)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_every_orientation_comes_out_upright(orientation, form):
    data = files.turned(orientation, form)
    facts = examine(data)
    assert (facts.width, facts.height) == files.SIZE
    assert difference(read(data, 96), files.scene()) < 4


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0II*\0\x08\0\0\0\xff\xff"]
)
def test_a_broken_orientation_block_is_ignored(exif):
    assert difference(read(files.encode(files.scene(), "JPEG", exif=exif), 96), files.scene()) < 4


@pytest.mark.parametrize("width", [448, 900, 1700, 3000])
def test_a_jpeg_decoded_at_a_smaller_scale_is_close_to_the_full_decode(width):
    image = files.scene().resize((width, width * 3 // 4), Image.Resampling.BICUBIC)
    assert difference(read(files.encode(image, "JPEG", quality=95), 224), image) < 2


@pytest.mark.parametrize(
    ("size", "fits"), [((400, 300), (80, 60)), ((60, 40), (60, 40)), ((2000, 3), (80, 1)), ((1, 1), (1, 1))]
)
def test_a_fitted_picture_keeps_its_proportions_and_is_never_enlarged(size, fits):
    rgb = fitted(files.encode(files.scene().resize(size), "PNG"), 80)
    assert rgb.shape == (fits[1], fits[0], 3)


@pytest.mark.parametrize("name", ACCEPTED)
def test_every_kind_of_picture_is_fitted(name):
    facts, rgb = examine(ACCEPTED[name]), fitted(ACCEPTED[name], 64)
    assert max(rgb.shape[:2]) == min(64, max(facts.width, facts.height))
    assert (rgb.shape[1] >= rgb.shape[0]) == (facts.width >= facts.height)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_fitted_picture_is_upright(orientation):
    rgb = fitted(files.turned(orientation, "JPEG"), 96)
    upright = np.asarray(files.scene().resize((96, 72), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(rgb - upright).mean() < 4


def test_a_fitted_picture_lies_over_white():
    clear = Image.new("RGBA", (40, 20), (200, 0, 0, 0))
    assert fitted(files.encode(clear, "PNG"), 16).min() == 255


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_file_cut_off_anywhere_is_refused(name):
    data = ACCEPTED[name].removesuffix(files.encode(files.scene(), "JPEG"))
    if name == "JPEG with a second picture behind":
        data = ACCEPTED["JPEG"]
    for end in {*range(0, len(data), max(1, len(data) // 60)), *range(max(0, len(data) - 24), len(data))}:
        with pytest.raises(PictureError):
            examine(data[:end])


@pytest.mark.parametrize("form", ["EPS", "BMP", "TIFF", "ICO", "PPM", "PDF"])
def test_other_formats_are_refused_whatever_they_hold(form):
    with pytest.raises(PictureError, match="not a JPEG, PNG, WebP or GIF"):
        examine(files.encode(files.scene(), form))


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"<svg></svg>", b"\xff\xd8\xff", b"GIF89a", b"RIFF\0\0\0\0WEBP"]
)
def test_what_is_no_picture_is_refused_in_one_sentence(data):
    with pytest.raises(PictureError) as refusal:
        read(data, 64)
    assert str(refusal.value).endswith(".")
    assert "\n" not in str(refusal.value)


def test_fifty_megapixels_are_accepted_and_one_row_more_is_not():
    assert examine(files.png(width=10_000, height=MAX_PIXELS // 10_000)).width == 10_000
    with pytest.raises(PictureError, match=r"50\.01 megapixels; at most 50"):
        examine(files.png(width=10_000, height=MAX_PIXELS // 10_000 + 1))


PNG_HEADER = struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0)
HUGE = {
    "PNG": b"\x89PNG\r\n\x1a\n" + files.png_chunk(b"IHDR", PNG_HEADER) + files.png_chunk(b"IEND", b""),
    "GIF": b"GIF89a\xff\xff\xff\xff\0\0\0" + b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\2\0;",
    "WebP": b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + b"\xff" * 6,
    "JPEG": b"\xff\xd8\xff\xc0\0\x0b\x08\xff\xff\xff\xff\1\1\x11\0\xff\xda\0\x08\1\1\0\0\x3f\0\xff\xd9",
}


@pytest.mark.parametrize("header", HUGE.values(), ids=HUGE)
def test_a_huge_picture_is_refused_by_its_header_at_once(header):
    started = time.perf_counter()
    with pytest.raises(PictureError, match="megapixels"):
        examine(header)
    assert time.perf_counter() - started < 0.2


@pytest.mark.parametrize("kind", [b"iCCP", b"zTXt", b"iTXt"])
def test_metadata_that_unpacks_to_gigabytes_is_refused(kind):
    bomb = zlib.compress(b"\0" * 60_000_000, 9)
    body = b"name\0" + (b"\1\0\0\0" if kind == b"iTXt" else b"\0") + bomb
    with pytest.raises(PictureError, match="unreasonable size"):
        examine(files.png(files.png_chunk(kind, body)))


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff" + b"\0" * 40_000_000,
        b"GIF89a\1\0\1\0\0\0\0!\xfe" + (b"\xff" + b"x" * 255) * 150_000,
        files.png(*[files.png_chunk(b"tEXt", b"a\0b")] * 200_000),
        files.many_scans(),
    ],
    ids=["a JPEG of nothing", "an endless comment", "very many chunks", "thousands of scans"],
)
def test_a_file_made_to_waste_time_is_refused_within_a_second_or_two(data):
    started = time.perf_counter()
    with pytest.raises(PictureError):
        examine(data)
    assert time.perf_counter() - started < 3


def test_a_wrong_checksum_in_a_png_is_found():
    data = bytearray(ACCEPTED["PNG"])
    data[len(data) // 2] ^= 1
    with pytest.raises(PictureError, match="checksum"):
        examine(bytes(data))


def test_what_follows_a_png_s_last_row_is_not_looked_at():
    rows = b"\0" * 9 * 8
    followed = zlib.compress(rows + b"\0" * 500)[:-4] + b"no sum"
    assert examine(files.png(rows=followed)) == examine(files.png())


def test_damaged_files_raise_nothing_but_picture_error():
    random = np.random.default_rng(5)
    refused = 0
    for data in list(ACCEPTED.values()) * 25:
        damaged = bytearray(data)
        for position in random.integers(0, min(len(damaged), 400), 4):
            damaged[position] = random.integers(256)
        try:
            examine(bytes(damaged))
            read(bytes(damaged), 32)
        except PictureError:
            refused += 1
    assert refused > 100


def test_many_threads_read_what_one_thread_reads():
    names = list(ACCEPTED) * 4
    alone = {name: read(ACCEPTED[name], 64).tobytes() for name in ACCEPTED}
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda name: read(ACCEPTED[name], 64).tobytes(), names))
    assert together == [alone[name] for name in names]


def test_reading_changes_nothing_for_other_users_of_pillow():
    from PIL import ImageFile

    assert (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS) == (False, 89_478_485)
    assert "imagineai_vision.picture" in sys.modules
