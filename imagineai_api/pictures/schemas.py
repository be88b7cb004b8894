"""Links to pictures as JSON."""

from uuid import UUID

from pydantic import BaseModel

from imagineai_api.documentation.examples import IMAGE_ID, PRODUCT_ID, USER_ID, shown

LINK = {
    "image_id": IMAGE_ID,
    "url": f"https://s3.amazonaws.com/imagineai-images/products/{USER_ID}/{PRODUCT_ID}/{IMAGE_ID}_photo.jpg"
    "?X-Amz-Expires=3600&X-Amz-Signature=0f3c",
    "expires_in": 3600,
}


class PictureLink(BaseModel):
    """Where a picture can be read, without a token, for ``expires_in`` seconds; null while it is made."""

    model_config = shown(LINK)

    image_id: UUID
    url: str | None
    expires_in: int
