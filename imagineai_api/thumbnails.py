"""Where small pictures lie: beside the originals, under keys that follow from these alone."""

import re

ORIGINALS, THUMBNAILS = "products/", "thumbnails/"
SIDES = {"small": 384, "medium": 768}
"""The longer side of each size in pixels: what fills a card of the console on plain and on dense screens."""
CONTENT_TYPE = "image/webp"


def key(original: str, etag: str, size: str) -> str:
    """Give the key of a small picture: each object that ever lay at the original's key has its own."""
    version = re.sub(r"[^A-Za-z0-9-]", "", etag)
    return f"{THUMBNAILS}{original.removeprefix(ORIGINALS)}/{version}_{SIDES[size]}.webp"


def keys(original: str, etag: str | None) -> list[str]:
    """Give the keys of all sizes; an original that was never accepted has none."""
    return [] if etag is None else [key(original, etag, size) for size in SIDES]


def original(thumbnail: str) -> str:
    """Give the key of the picture that a small one was made of."""
    return ORIGINALS + thumbnail.removeprefix(THUMBNAILS).rpartition("/")[0]
