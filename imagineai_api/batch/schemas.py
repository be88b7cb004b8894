"""Batches as JSON."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from imagineai_api.documentation.examples import IMAGE_ID, OTHER_IMAGE_ID, PRODUCT_ID, shown

MAX_IMAGES = 1000


class BatchRequest(BaseModel):
    """Distinct, uploaded images of one product."""

    model_config = shown({"product_id": PRODUCT_ID, "image_ids": [IMAGE_ID, OTHER_IMAGE_ID]})

    product_id: UUID
    image_ids: Annotated[
        list[UUID], Field(min_length=1, max_length=MAX_IMAGES, json_schema_extra={"uniqueItems": True})
    ]
