"""Batches: many images of a product, one job."""

from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api import ownership
from imagineai_api.errors import Invalid
from imagineai_api.jobs import service as jobs
from imagineai_api.products import service as products
from imagineai_api.tables import ProductImage

UNUSABLE = "image_ids names an image that is not an uploaded image of this product."


async def start(
    connection: AsyncConnection,
    *,
    user_id: UUID,
    product_id: UUID,
    image_ids: list[UUID],
    request_id: str | None,
) -> dict[str, Any]:
    """Queue images of a product as one job; nothing is queued unless all of them can be.

    Raises:
        NotFound: The product is not this user's.
        Invalid: An image is named twice, is not this product's, or is not uploaded.
    """
    await products.hold(connection, user_id, product_id)
    if len(set(image_ids)) != len(image_ids):
        raise Invalid("image_ids names an image more than once.")
    usable = ownership.images(user_id, func.count()).where(
        ProductImage.id.in_(image_ids),
        ProductImage.product_id == product_id,
        ProductImage.upload_status == "uploaded",
    )
    if await connection.scalar(usable) != len(image_ids):
        raise Invalid(UNUSABLE)
    job_id = await jobs.start(
        connection,
        user_id=user_id,
        product_id=product_id,
        image_ids=image_ids,
        job_type="batch",
        request_id=request_id,
    )
    return await jobs.get(connection, user_id, job_id)
