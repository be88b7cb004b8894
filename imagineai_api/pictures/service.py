"""Links to stored pictures: S3 answers them, not the service."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api import ownership
from imagineai_api.storage import Storage
from imagineai_api.tables import ProductImage


async def links(
    connection: AsyncConnection, storage: Storage, user_id: UUID, image_ids: Sequence[UUID]
) -> list[tuple[UUID, str, int]]:
    """Give id, URL and the URL's lifetime in seconds of each image that is the user's and uploaded.

    They come in the order that was asked for; what is not there, or is somebody else's, is left out.
    """
    query = ownership.images(user_id, ProductImage.id, ProductImage.s3_key).where(
        ProductImage.id.in_(image_ids), ProductImage.upload_status == "uploaded"
    )
    keys = {row.id: row.s3_key for row in await connection.execute(query)}
    found = [image_id for image_id in dict.fromkeys(image_ids) if image_id in keys]
    urls, expires_s = await storage.presigned_gets([keys[image_id] for image_id in found])
    return [(image_id, url, expires_s) for image_id, url in zip(found, urls, strict=True)]
