"""The one decode: a file's bytes in, upright sRGB pixels out, the same for training and for serving."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from imagineai_vision import gif, jpeg, png, webp
from imagineai_vision.container import Container, CutOffError, PictureError
from imagineai_vision.profile import to_srgb

__all__ = ["MAX_PIXELS", "PictureError", "PictureFacts", "examine", "fitted", "read", "read_with_facts"]

MAX_PIXELS: Final = 50_000_000

# The decoders' classes themselves instead of Image.open: no guessing, and none of its size warnings.
_WALKS: Final[dict[str, Callable[[bytes], Container]]] = {
    "JPEG": jpeg.walk,
    "PNG": png.walk,
    "WEBP": webp.walk,
    "GIF": gif.walk,
}
_DECODERS: Final[dict[str, type[ImageFile]]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WEBP": WebPImageFile,
    "GIF": GifImageFile,
}

_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What is known of a picture once it has been decoded; width and height in pixels, upright."""

    content_type: str
    width: int
    height: int


def examine(data: bytes) -> PictureFacts:
    """Prove that a file is a whole picture by decoding all of it.

    Args:
        data: The file's bytes; its content decides what it is.

    Raises:
        PictureError: It is not a JPEG, PNG, WebP or GIF, is cut off or damaged, or has over 50 megapixels.
    """
    container = _open(data)
    # A JPEG's every coefficient is read at any scale; the smallest one saves the arithmetic.
    _decode(container, shrink_to=(1, 1))
    if container.format == "PNG":
        png.check_rows(container)
    return _facts(container)


def read(data: bytes, size: int) -> NDArray[np.uint8]:
    """Decode a picture to the square that a network takes; its sides are scaled apart, nothing is cut off.

    Args:
        data: The file's bytes.
        size: Side of the result in pixels.

    Returns:
        Upright RGB, uint8, shape (size, size, 3); what is transparent lies over white.

    Raises:
        PictureError: As for ``examine``.
    """
    return read_with_facts(data, size)[0]


def read_with_facts(data: bytes, size: int) -> tuple[NDArray[np.uint8], PictureFacts]:
    """Do the same as ``read``, and say what the picture was before it was scaled."""
    container = _open(data)
    return _upright(container, (size, size)), _facts(container)


def fitted(data: bytes, longest: int) -> NDArray[np.uint8]:
    """Decode a picture for people to look at, in its own proportions.

    Args:
        data: The file's bytes.
        longest: Upper bound of the longer side in pixels; a smaller picture keeps its size.

    Returns:
        Upright RGB, uint8, shape (height, width, 3); what is transparent lies over white.

    Raises:
        PictureError: As for ``examine``.
    """
    container = _open(data)
    scale = min(1, longest / max(container.width, container.height))
    width, height = (max(1, round(side * scale)) for side in (container.width, container.height))
    return _upright(container, (width, height))


def _upright(container: Container, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Decode to RGB of a size as the file stores it, then turn it upright."""
    image = _decode(container, shrink_to=size)
    try:
        image = _on_white(image, size, container.profile)
        if container.orientation in _UPRIGHT:
            image = image.transpose(_UPRIGHT[container.orientation])
        return np.asarray(image)
    except (ValueError, OSError, MemoryError) as error:
        raise _damaged(container) from error


def _facts(container: Container) -> PictureFacts:
    width, height = container.width, container.height
    if container.orientation >= 5:
        width, height = height, width
    return PictureFacts(f"image/{container.format.lower()}", width, height)


def _open(data: bytes) -> Container:
    """Recognise a picture by its content and check that the file is whole and not too large."""
    name = _recognise(data)
    try:
        container = _WALKS[name](data)
    except (CutOffError, struct.error, IndexError) as error:
        raise PictureError(f"The {name} picture is cut off: its data ends too early.") from error
    pixels = container.width * container.height
    if pixels > MAX_PIXELS:
        raise PictureError(
            f"The picture has {pixels / 1e6:.2f} megapixels; at most {MAX_PIXELS // 1_000_000} are accepted."
        )
    if pixels == 0:
        raise PictureError(f"The {name} picture has no pixels.")
    return container


def _recognise(data: bytes) -> str:
    if not data:
        raise PictureError("The file is empty.")
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    raise PictureError("The file is not a JPEG, PNG, WebP or GIF picture.")


def _decode(container: Container, shrink_to: tuple[int, int]) -> Image.Image:
    """Decode fully; a JPEG comes out at the smallest of its scales that is not under these sides."""
    try:
        image = _DECODERS[container.format](BytesIO(container.data))
        image.draft(None, shrink_to)
        image.load()
    # Pillow's parsers raise whatever they trip over: OSError, SyntaxError, struct.error, EOFError, KeyError.
    except Exception as error:
        raise _damaged(container) from error
    return image


def _damaged(container: Container) -> PictureError:
    return PictureError(f"The {container.format} picture is cut off or damaged and cannot be decoded.")


def _on_white(image: Image.Image, size: tuple[int, int], profile: bytes) -> Image.Image:
    """Bring any mode to sRGB of the given size; alpha is premultiplied to be scaled, then laid over white."""
    if image.mode.startswith("I"):
        # Pillow clips 16 bits at 255 where they have to be scaled.
        image = Image.fromarray((np.asarray(image).astype(np.uint32) * 255 // 65535).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA").resize(size, Image.Resampling.BICUBIC)
        image = to_srgb(image, profile)
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    if image.mode not in ("RGB", "L", "CMYK"):
        image = image.convert("RGB")
    # Scaled first: a profile costs by the pixel.
    return to_srgb(image.resize(size, Image.Resampling.BICUBIC), profile).convert("RGB")
