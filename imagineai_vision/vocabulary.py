"""The closed vocabularies of the contract, in the order in which it lists them.

The database's check constraints, the schemas, the networks' heads and the client all read these tuples.
"""

from __future__ import annotations

from typing import Final

CATEGORIES: Final = (
    "electronics",
    "clothing",
    "footwear",
    "furniture",
    "jewelry",
    "toys",
    "sports",
    "home_garden",
    "automotive",
    "books",
    "other",
)

COLORS: Final = (
    "black",
    "white",
    "gray",
    "red",
    "orange",
    "yellow",
    "green",
    "blue",
    "purple",
    "pink",
    "brown",
    "beige",
    "multicolor",
)

MATERIALS: Final = ("leather", "metal", "wood", "plastic", "fabric", "glass", "ceramic", "rubber")
PATTERNS: Final = ("solid", "striped", "checked", "dotted", "floral", "print")
CONDITIONS: Final = ("new", "like_new", "good", "fair", "poor")
ATTRIBUTE_NAMES: Final = ("color", "material", "brand", "condition", "pattern", "style")

DEFECT_TYPES: Final = (
    "scratch",
    "dent",
    "missing_part",
    "discoloration",
    "stain",
    "crack",
    "tear",
    "other",
)
SEVERITIES: Final = ("low", "medium", "high")

STEPS: Final = ("preprocess", "classify", "extract_attributes", "detect_defects", "generate_description")
STEP_STATUSES: Final = ("pending", "running", "completed", "failed", "skipped")
JOB_STATUSES: Final = ("queued", "processing", "completed", "failed", "cancelled")
JOB_TYPES: Final = ("single", "batch")
ANALYSIS_STATUSES: Final = ("pending", "processing", "completed", "failed")
PRODUCT_STATUSES: Final = ("draft", "processing", "active", "archived")
UPLOAD_STATUSES: Final = ("pending", "uploaded", "failed")

CONTENT_TYPES: Final = ("image/jpeg", "image/png", "image/webp", "image/gif")

OTHER: Final = "other"
"""The label and category of what is no product, or of which the model is not sure enough."""
