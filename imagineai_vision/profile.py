"""Colours as a picture's own ICC profile means them, in sRGB: phones write Display P3, cameras Adobe RGB."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from typing import Final

from PIL import Image, ImageCms

_MOST_BYTES: Final = 4_000_000
"""A printer's profile has two million; a longer one is not read."""
_MODES: Final = {"RGB": "RGB", "RGBA": "RGBA", "L": "RGB", "CMYK": "RGB"}
"""What is converted, and to what."""
_SRGB_NAMES: Final = frozenset({"sRGB", "sRGB built-in", "sRGB IEC61966-2.1", "c2"})
"""Of profiles that change nothing; the last is that of many phones and web shops."""
# Without the cache of the last pixel, which is not made for several threads.
_FLAGS: Final = ImageCms.Flags.NOCACHE


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Convert a picture that has a profile; without one its numbers are sRGB already.

    A profile that is broken, or of another colour space than the picture, says nothing and is passed over.

    Args:
        image: Of any mode.
        profile: An ICC profile's bytes; empty where there is none.

    Returns:
        RGB, or RGBA with the same alpha, where there was something to convert; else the picture itself.
    """
    if not profile or len(profile) > _MOST_BYTES or image.mode not in _MODES:
        return image
    transform = _transform(profile, image.mode)
    return image if transform is None else transform.apply(image)


@lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return what converts; None where nothing needs to be, or the profile is of no use."""
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if ImageCms.getProfileDescription(source).strip() in _SRGB_NAMES:
            return None
        return ImageCms.buildTransform(
            source, _srgb(), mode, _MODES[mode], ImageCms.Intent.RELATIVE_COLORIMETRIC, _FLAGS
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


@lru_cache(maxsize=1)
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
