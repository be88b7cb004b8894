"""Products as JSON."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator
from pydantic.json_schema import SkipJsonSchema

from imagineai_api.texts import Category, Description, Title


class ProductStatus(StrEnum):
    """Where a product stands."""

    DRAFT = "draft"
    PROCESSING = "processing"
    ACTIVE = "active"
    ARCHIVED = "archived"


EXAMPLE: dict[str, JsonValue] = {
    "title": "Wireless Bluetooth Headphones",
    "description": "Premium over-ear headphones with ANC.",
    "category": "electronics",
}


class ProductCreate(BaseModel):
    """A new product."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    title: Title
    description: Description | None = None
    category: Category | None = None


class ProductUpdate(BaseModel):
    """What changes; a field that is not sent stays as it is."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"title": "Updated Title", "status": "active"}]}
    )

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
    """A page of products, newest first."""

    items: list[ProductResponse]
    total: int
    page: int
    page_size: int
    pages: int
