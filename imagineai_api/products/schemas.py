"""Products as JSON."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from imagineai_api.documentation.examples import CREATED_AT, ENDED_AT, IMAGE_ID, PRODUCT_ID, USER_ID, shown
from imagineai_api.texts import Category, Description, Title


class ProductStatus(StrEnum):
    """Where a product stands."""

    DRAFT = "draft"
    PROCESSING = "processing"
    ACTIVE = "active"
    ARCHIVED = "archived"


NEW = {
    "title": "Wireless Bluetooth Headphones",
    "description": "Premium over-ear headphones with ANC.",
    "category": "electronics",
}
IMAGE = {
    "id": IMAGE_ID,
    "s3_key": f"products/{USER_ID}/{PRODUCT_ID}/{IMAGE_ID}_headphones_front.jpg",
    "original_filename": "headphones_front.jpg",
    "content_type": "image/jpeg",
    "file_size_bytes": 2500000,
    "width": 1920,
    "height": 1080,
    "is_primary": True,
    "upload_status": "uploaded",
    "created_at": CREATED_AT,
}
PRODUCT: dict[str, object] = {
    **NEW,
    "id": PRODUCT_ID,
    "user_id": USER_ID,
    "subcategory": None,
    "ai_description": "Headphones in black.",
    "status": "active",
    "metadata_": {},
    "images": [IMAGE],
    "created_at": CREATED_AT,
    "updated_at": ENDED_AT,
}
DRAFT = {**PRODUCT, "ai_description": None, "status": "draft", "images": [], "updated_at": CREATED_AT}


class ProductCreate(BaseModel):
    """A new product."""

    model_config = shown(NEW)

    title: Title
    description: Description | None = None
    category: Category | None = None


class ProductUpdate(BaseModel):
    """What changes; a field that is not sent stays as it is."""

    model_config = shown({"title": "Updated Title", "status": "active"})

    title: Title | SkipJsonSchema[None] = None
    description: Description | None = None
    category: Category | None = None
    status: ProductStatus | SkipJsonSchema[None] = None

    @model_validator(mode="after")
    def _required_fields_are_not_emptied(self) -> "ProductUpdate":
        for name in ("title", "status"):
            if name in self.model_fields_set and getattr(self, name) is None:
                raise ValueError(f"{name} must not be null")
        return self


class ImageResponse(BaseModel):
    """One picture of a product."""

    model_config = shown(IMAGE)

    id: UUID
    s3_key: str
    original_filename: str
    content_type: str
    file_size_bytes: int
    width: int | None
    height: int | None
    is_primary: bool
    upload_status: str
    created_at: datetime


class ProductResponse(BaseModel):
    """A product with its pictures, oldest first."""

    model_config = shown(PRODUCT)

    id: UUID
    user_id: UUID
    title: str
    description: str | None
    category: str | None
    subcategory: str | None
    ai_description: str | None
    status: str
    # The reference spells the key so.
    metadata_: dict[str, Any] = Field(default_factory=dict)
    images: list[ImageResponse] = Field(default_factory=list)
    created_at: datetime
    updated_at: datetime


class ProductPage(BaseModel):
    """A page of products, newest first; ``pages`` is 0 where there is none."""

    model_config = shown({"items": [PRODUCT], "total": 1, "page": 1, "page_size": 20, "pages": 1})

    items: list[ProductResponse]
    total: int
    page: int
    page_size: int
    pages: int
