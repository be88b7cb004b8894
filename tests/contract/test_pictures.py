"""Which files are pictures: each row of the two tables is a file and the answer that it gets."""

import io
import random
import struct
import zipfile
import zlib

import pytest
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


def zipped():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("hello.txt", "hello")
    return out.getvalue()


def with_flipped_byte(content, place):
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


def srgb_profile():
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


ACCEPTED = {
    "jpeg": (jpeg, JPEG, SIZE),
    "gray jpeg": (lambda: jpeg("L"), JPEG, SIZE),
    "cmyk jpeg": (lambda: jpeg("CMYK"), JPEG, SIZE),
    "progressive jpeg": (lambda: jpeg(progressive=True), JPEG, SIZE),
    "jpeg without subsampling": (lambda: jpeg(quality=100, subsampling=0), JPEG, SIZE),
    "jpeg with restart markers": (lambda: jpeg(restart_marker_blocks=2), JPEG, SIZE),
    "jpeg with a colour profile": (lambda: jpeg(icc_profile=srgb_profile()), JPEG, SIZE),
    "jpeg with a long comment": (lambda: jpeg(comment=b"c" * 60_000), JPEG, SIZE),
    "jpeg with broken exif": (lambda: jpeg(exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"), JPEG, SIZE),
    "jpeg with an orientation that is none": (lambda: oriented(77), JPEG, SIZE),
    "jpeg of several pictures": (lambda: frames("MPO"), JPEG, SIZE),
    "jpeg with a zip behind it": (lambda: jpeg() + zipped(), JPEG, SIZE),
    "1 x 1 jpeg": (lambda: jpeg(size=(1, 1)), JPEG, (1, 1)),
    "2000 x 3 jpeg": (lambda: jpeg(size=(2000, 3)), JPEG, (2000, 3)),
    "3 x 2000 jpeg": (lambda: jpeg(size=(3, 2000)), JPEG, (3, 2000)),
    "png": (png, PNG, SIZE),
    "gray png": (lambda: png("L"), PNG, SIZE),
    "1-bit png": (lambda: png("1"), PNG, SIZE),
    "palette png": (lambda: png("P"), PNG, SIZE),
    "palette png with transparency": (lambda: png("P", transparency=0), PNG, SIZE),
    "gray png with alpha": (lambda: png("LA"), PNG, SIZE),
    "png with alpha": (lambda: png("RGBA"), PNG, SIZE),
    "png that is all transparent": (lambda: saved(Image.new("RGBA", SIZE), "PNG"), PNG, SIZE),
    "16-bit gray png": (lambda: png("I;16"), PNG, SIZE),
    "16-bit colour png": (deep_png, PNG, (48, 10)),
    "animated png": (lambda: frames("PNG"), PNG, SIZE),
    "1 x 1 png": (lambda: png(size=(1, 1)), PNG, (1, 1)),
    "2000 x 3 png": (lambda: png(size=(2000, 3)), PNG, (2000, 3)),
    "png of exactly 50 megapixels": (lambda: flat_png(10_000, 5_000), PNG, (10_000, 5_000)),
    "gif": (gif, GIF, SIZE),
    "animated gif": (lambda: frames("GIF"), GIF, SIZE),
    "animated gif that loops": (lambda: frames("GIF", loop=0, disposal=2), GIF, SIZE),
    "1 x 1 gif": (lambda: gif(size=(1, 1)), GIF, (1, 1)),
    "webp": (webp, WEBP, SIZE),
    "lossless webp": (lambda: webp(lossless=True), WEBP, SIZE),
    "webp with alpha": (lambda: webp(mode="RGBA"), WEBP, SIZE),
    "animated webp": (lambda: frames("WEBP"), WEBP, SIZE),
    "1 x 1 webp": (lambda: webp(size=(1, 1)), WEBP, (1, 1)),
    **{
        f"jpeg of orientation {turn}": (
            lambda turn=turn: oriented(turn),
            JPEG,
            SIZE if turn < 5 else SIZE[::-1],
        )
        for turn in range(1, 9)
    },
}

REFUSED = {
    "nothing": (bytes, JPEG),
    "one byte": (lambda: b"\xff", JPEG),
    "a thousand zeros": (lambda: bytes(1000), PNG),
    "noise": (lambda: random.Random(1).randbytes(5000), JPEG),
    "text": (lambda: b"not a picture", JPEG),
    "html": (lambda: b"<!doctype html><script>alert(1)</script>", GIF),
    "svg": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", PNG),
    "pdf": (lambda: saved(drawn(), "PDF"), JPEG),
    "eps": (lambda: saved(drawn(), "EPS"), JPEG),
    "zip": (zipped, PNG),
    "bmp": (lambda: saved(drawn(), "BMP"), JPEG),
    "tiff": (lambda: saved(drawn(), "TIFF"), JPEG),
    "ico": (lambda: saved(drawn(), "ICO"), PNG),
    "ppm": (lambda: saved(drawn(), "PPM"), JPEG),
    "tga": (lambda: saved(drawn(), "TGA"), JPEG),
    "jpeg declared as png": (jpeg, PNG),
    "png declared as jpeg": (png, JPEG),
    "gif declared as webp": (gif, WEBP),
    "webp declared as gif": (webp, GIF),
    "only the start of a jpeg": (lambda: jpeg()[:3], JPEG),
    "jpeg header": (lambda: jpeg()[:200], JPEG),
    "half a jpeg": (lambda: jpeg()[: len(jpeg()) // 2], JPEG),
    "jpeg without its last 20 bytes": (lambda: jpeg()[:-20], JPEG),
    "half a progressive jpeg": (lambda: jpeg(progressive=True)[: len(jpeg(progressive=True)) // 2], JPEG),
    "jpeg of no height": (lambda: no_height(jpeg()), JPEG),
    "png signature": (lambda: png()[:8], PNG),
    "half a png": (lambda: png()[: len(png()) // 2], PNG),
    "png without its end": (lambda: png()[:-12], PNG),
    "png with a broken header": (lambda: with_flipped_byte(png(), 18), PNG),
    "png with a broken pixel chunk": (lambda: with_flipped_byte(png(), 60), PNG),
    "png of too few rows": (lambda: raw_png(100, 100, 8, 0, b"\0" * 101 * 50), PNG),
    "png without pixels": (lambda: png()[:33] + chunk(b"IEND", b""), PNG),
    "png of no width": (lambda: raw_png(0, 10, 8, 0, b"\0" * 10), PNG),
    "png of a colour type that is none": (lambda: raw_png(10, 10, 8, 5, b"\0" * 110), PNG),
    "png that claims two thousand million wide": (
        lambda: raw_png(2**31 - 1, 2**31 - 1, 8, 6, b"\0" * 99),
        PNG,
    ),
    "png of one row over 50 megapixels": (lambda: flat_png(10_000, 5_001), PNG),
    "png bomb of 400 megapixels": (lambda: flat_png(20_000, 20_000), PNG),
    "half a gif": (lambda: gif()[: len(gif()) // 2], GIF),
    "gif header": (lambda: gif()[:13], GIF),
    "gif that claims 65535 x 65535": (lambda: gif()[:6] + b"\xff\xff\xff\xff" + gif()[10:], GIF),
    "half a webp": (lambda: webp()[: len(webp()) // 2], WEBP),
    "webp of another riff": (lambda: webp()[:8] + b"WAVE" + webp()[12:], WEBP),
    "webp header": (lambda: webp()[:12], WEBP),
}


def no_height(content):
    """The same JPEG, its frame header (SOF0) claiming no rows."""
    place = content.index(b"\xff\xc0") + 5
    return content[:place] + b"\0\0" + content[place + 2 :]


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_picture_completes_with_its_upright_size(user, product, name):
    make, kind, size = ACCEPTED[name]
    answer = user.send(product["id"], make(), name="photo", kind=kind)
    assert answer.status_code == 200, answer.text
    assert user.finished(answer.json()["job_id"])["status"] == "completed"
    images = user.http.get(f"/products/{product['id']}").json()["images"]
    (image,) = [image for image in images if image["id"] == answer.json()["image_id"]]
    assert (image["width"], image["height"]) == size
    assert image["content_type"] == kind


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_whole_picture_of_its_type_is_422(user, product, name):
    make, kind = REFUSED[name]
    answer = user.send(product["id"], make(), name="photo", kind=kind)
    assert answer.status_code == 422, answer.text


def test_the_service_is_well_after_all_these(anonymous, user, product):
    assert anonymous.get("/health").status_code == 200
    assert user.send(product["id"], jpeg()).status_code == 200


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP"])
def test_a_text_that_unpacks_to_200_megabytes_does_no_harm(user, product, kind):
    bomb = chunk(kind, b"x\0\0" + zlib.compress(bytes(200_000_000)))
    content = raw_png(4, 4, 8, 0, b"\0\x80\x80\x80\x80" * 4, extra=bomb)
    answer = user.send(product["id"], content, kind=PNG)
    assert answer.status_code in {200, 422}
