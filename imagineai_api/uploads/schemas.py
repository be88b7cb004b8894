"""Uploads as JSON."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from imagineai_api.texts import Storable

ContentType = Literal["image/jpeg", "image/png", "image/webp", "image/gif"]
CONTENT_TYPES: tuple[ContentType, ...] = ("image/jpeg", "image/png", "image/webp", "image/gif")
EXAMPLE: dict[str, JsonValue] = {
    "product_id": "b2c3d4e5-f6a7-8901-bcde-f12345678901",
    "filename": "photo.jpg",
    "content_type": "image/jpeg",
    "file_size_bytes": 2500000,
}


class PresignedUrlRequest(BaseModel):
    """What will be uploaded."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    product_id: UUID
    filename: Annotated[Storable, StringConstraints(min_length=1, max_length=255)]
    content_type: str = Field(max_length=100)
    file_size_bytes: int = Field(ge=1)


class PresignedUrlResponse(BaseModel):
    """Where to PUT it, with exactly that type and length."""

    upload_url: str
    image_id: UUID
    s3_key: str
    expires_in: int


class ConfirmRequest(BaseModel):
    """The image whose PUT is done."""

    image_id: UUID


class UploadResponse(BaseModel):
    """The image and the job that analyses it."""

    image_id: UUID
    job_id: UUID
    status: str = "queued"
    message: str
