"""Uploads as JSON."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, StringConstraints

from imagineai_api.gate import MAX_IMAGE_BYTES
from imagineai_api.texts import Storable

ContentType = Literal["image/jpeg", "image/png", "image/webp", "image/gif"]
CONTENT_TYPES: tuple[ContentType, ...] = ("image/jpeg", "image/png", "image/webp", "image/gif")
EXAMPLE: dict[str, JsonValue] = {
    "product_id": "b2c3d4e5-f6a7-8901-bcde-f12345678901",
    "filename": "photo.jpg",
    "content_type": "image/jpeg",
    "file_size_bytes": 2500000,
}


def _number(value: object) -> object:
    """Refuse what Pydantic would read as a number; its strict mode would refuse 2500000.0 too."""
    if isinstance(value, str | bool):
        raise ValueError("must be a number")  # noqa: TRY004 - Pydantic takes no TypeError for an answer
    return value


class PresignedUrlRequest(BaseModel):
    """What will be uploaded."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    product_id: UUID
    filename: Annotated[Storable, StringConstraints(min_length=1, max_length=255)]
    # What the schema says beyond the type is answered by 415 and 413.
    content_type: str = Field(max_length=100, json_schema_extra={"enum": list(CONTENT_TYPES)})
    file_size_bytes: Annotated[int, BeforeValidator(_number)] = Field(
        ge=1, json_schema_extra={"maximum": MAX_IMAGE_BYTES}
    )


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
