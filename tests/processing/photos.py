"""A picture for what does not look at it."""

import io

from PIL import Image


def photo():
    """A small JPEG."""
    content = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(content, "JPEG")
    return content.getvalue()
