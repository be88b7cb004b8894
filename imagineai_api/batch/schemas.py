"""Batches as JSON."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

MAX_IMAGES = 1000
EXAMPLE: dict[str, JsonValue] = {
    "product_id": "b2c3d4e5-f6a7-8901-bcde-f12345678901",
    "image_ids": ["c3d4e5f6-a7b8-9012-cdef-123456789012", "d4e5f6a7-b8c9-0123-defa-234567890123"],
}


class BatchRequest(BaseModel):
    """Distinct, uploaded images of one product."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    product_id: UUID
    image_ids: Annotated[
        list[UUID], Field(min_length=1, max_length=MAX_IMAGES, json_schema_extra={"uniqueItems": True})
    ]
