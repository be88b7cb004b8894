"""Uploads as JSON."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints

from imagineai_api.documentation.examples import IMAGE_ID, JOB_ID, PRODUCT_ID, USER_ID, shown
from imagineai_api.gate import MAX_IMAGE_BYTES
from imagineai_api.texts import Storable

ContentType = Literal["image/jpeg", "image/png", "image/webp", "image/gif"]
CONTENT_TYPES: tuple[ContentType, ...] = ("image/jpeg", "image/png", "image/webp", "image/gif")
WISH = {
    "product_id": PRODUCT_ID,
    "filename": "photo.jpg",
    "content_type": "image/jpeg",
    "file_size_bytes": 2500000,
}
KEY = f"products/{USER_ID}/{PRODUCT_ID}/{IMAGE_ID}_photo.jpg"
URL = f"https://s3.amazonaws.com/imagineai-images/{KEY}?X-Amz-Expires=3600&X-Amz-Signature=0f3c"
STARTED = {
    "image_id": IMAGE_ID,
    "job_id": JOB_ID,
    "status": "queued",
    "message": "Image uploaded and processing started",
}
CONFIRMED = {**STARTED, "message": "Image processing started"}


def whole_number(value: object) -> object:
    """Refuse what Pydantic would read as a number; its strict mode would refuse 2500000.0 too."""
    if isinstance(value, str | bool):
        raise ValueError("must be a number")  # noqa: TRY004 - Pydantic takes no TypeError for an answer
    return value


class PresignedUrlRequest(BaseModel):
    """What will be uploaded."""

    model_config = shown(WISH)

    product_id: UUID
    filename: Annotated[Storable, StringConstraints(min_length=1, max_length=255)]
    # What the schema says beyond the type is answered by 415 and 413.
    content_type: str = Field(max_length=100, json_schema_extra={"enum": list(CONTENT_TYPES)})
    file_size_bytes: Annotated[int, BeforeValidator(whole_number)] = Field(
        ge=1, json_schema_extra={"maximum": MAX_IMAGE_BYTES}
    )


class PresignedUrlResponse(BaseModel):
    """Where to PUT it, with exactly that type and length."""

    model_config = shown({"upload_url": URL, "image_id": IMAGE_ID, "s3_key": KEY, "expires_in": 3600})

    upload_url: str
    image_id: UUID
    s3_key: str
    expires_in: int


class ConfirmRequest(BaseModel):
    """The image whose PUT is done."""

    model_config = shown({"image_id": IMAGE_ID})

    image_id: UUID


class UploadResponse(BaseModel):
    """The image and the job that analyses it."""

    model_config = shown(STARTED)

    image_id: UUID
    job_id: UUID
    status: str = "queued"
    message: str
