"""The slow and plain decode, by Pillow's own means: what the fast one is measured against."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from imagineai_vision import picture

Read = Callable[[bytes, int], NDArray[np.uint8]]
"""A file's bytes and the side in pixels to RGB, uint8, shape (side, side, 3)."""


def read(data: bytes, size: int, resample: Image.Resampling) -> NDArray[np.uint8]:
    """Decode every pixel, turn, convert to sRGB, lay over white, then scale.

    Args:
        data: The file's bytes.
        size: Side of the result in pixels.
        resample: The filter of the scaling.

    Returns:
        RGB, uint8, shape (size, size, 3).
    """
    with Image.open(BytesIO(data)) as opened:
        profile = opened.info.get("icc_profile")
        image: Image.Image = ImageOps.exif_transpose(opened)
        if image.has_transparency_data:
            colors = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", colors.size, "white"), colors)
        image = image.convert("RGB") if profile is None else _in_srgb(image, profile)
    return np.asarray(image.resize((size, size), resample))


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        mode = image.mode if image.mode in ("L", "CMYK") else "RGB"
        converted = ImageCms.profileToProfile(
            image.convert(mode), source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError):
        # A broken profile, or one of another colour space than the picture's, says nothing.
        return image.convert("RGB")
    return image if converted is None else converted


PLAIN: Final = partial(read, resample=Image.Resampling.BICUBIC)
"""With the filter that is served: what differs is the decode alone."""

READS: Final[dict[str, Read]] = {
    "as served": picture.read,
    "every pixel, bicubic": PLAIN,
    "every pixel, Lanczos": partial(read, resample=Image.Resampling.LANCZOS),
}
