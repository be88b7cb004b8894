"""Uploads past the API: a place in S3 is prepared for a picture, and what was put there is confirmed."""

from contextlib import suppress
from uuid import UUID, uuid4

from sqlalchemy import Row, update
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api import ownership
from imagineai_api.database import Database
from imagineai_api.errors import Conflict, NotAPicture, NotFound, StorageAway
from imagineai_api.jobs import service as jobs
from imagineai_api.products import service as products
from imagineai_api.storage import Storage, StoredObject
from imagineai_api.tables import ProductImage
from imagineai_api.uploads import images, proof
from imagineai_api.uploads.images import Accepted, Started, Upload
from imagineai_vision.picture import PictureFacts

NO_IMAGE = "There is no such image."
NOTHING_YET = "Nothing has been uploaded to this image's address yet."


async def presign(
    connection: AsyncConnection,
    storage: Storage,
    *,
    user_id: UUID,
    product_id: UUID,
    filename: str,
    content_type: str,
    size_bytes: int,
) -> tuple[UUID, str, str, int]:
    """Prepare a direct PUT to S3; gives the image's id, its key, the URL and its lifetime in seconds.

    Raises:
        NotFound, UnsupportedType, TooLarge: As for ``upload``.
    """
    await products.hold(connection, user_id, product_id)
    proof.check_declared(content_type, size_bytes)
    wished = Upload(product_id, filename, content_type, b"")
    key = images.key_of(user_id, wished)
    await images.insert(connection, wished, key, size_bytes, None)
    url, expires_s = storage.presigned_put(key, content_type, size_bytes)
    return wished.image_id, key, url, expires_s


async def confirm(
    database: Database, storage: Storage, *, user_id: UUID, image_id: UUID, request_id: str | None
) -> Started:
    """Look at what was PUT and start its job; a second confirm gives the same job.

    Raises:
        NotFound: The image is not this user's.
        Conflict: Nothing lies there yet.
        NotAPicture, TooLarge: What lies there cannot be used; it is deleted and the image has failed.
    """
    async with database.reading() as connection:
        image = await _image(connection, user_id, image_id)
    if image.upload_job_id is not None:
        return Started(image_id, image.upload_job_id)
    stored = await storage.head(image.s3_key)
    if stored is None:
        raise Conflict(NOTHING_YET)
    try:
        facts = await proof.prove_stored(storage, image.s3_key, image.content_type, stored)
    except NotAPicture:
        await _refuse(database, storage, image_id, image.s3_key, stored)
        raise
    async with database.transaction() as connection:
        if not await jobs.hold_product(connection, user_id, image.product_id):
            raise NotFound(NO_IMAGE)
        return await _accept(connection, user_id, image_id, facts, stored, request_id)


async def _accept(
    connection: AsyncConnection,
    user_id: UUID,
    image_id: UUID,
    facts: PictureFacts,
    stored: StoredObject,
    request_id: str | None,
) -> Started:
    image = await _image(connection, user_id, image_id, lock=True)
    if image.upload_job_id is not None:
        return Started(image_id, image.upload_job_id)
    accepted = Accepted(facts, stored, uuid4())
    values = {"file_size_bytes": stored.size_bytes, **images.values(accepted)}
    await connection.execute(update(ProductImage).where(ProductImage.id == image_id).values(**values))
    return await images.start(connection, user_id, image.product_id, image_id, accepted, request_id)


async def _refuse(
    database: Database, storage: Storage, image_id: UUID, key: str, refused: StoredObject
) -> None:
    """Note that what lay there cannot be used, and delete it, unless a better one was put in its place."""
    failed = update(ProductImage).where(ProductImage.id == image_id, ProductImage.upload_job_id.is_(None))
    async with database.transaction() as connection:
        changed = await connection.execute(failed.values(upload_status="failed"))
    if changed.rowcount:
        with suppress(StorageAway):  # it goes with the image at the latest
            if await storage.head(key) == refused:
                await storage.delete([key])


async def _image(
    connection: AsyncConnection, user_id: UUID, image_id: UUID, *, lock: bool = False
) -> Row[str, str, UUID | None, UUID]:
    columns = (
        ProductImage.s3_key,
        ProductImage.content_type,
        ProductImage.upload_job_id,
        ProductImage.product_id,
    )
    query = ownership.images(user_id, *columns).where(ProductImage.id == image_id)
    if lock:
        query = query.with_for_update(of=ProductImage.__table__)
    row: Row[str, str, UUID | None, UUID] | None = (await connection.execute(query)).one_or_none()
    if row is None:
        raise NotFound(NO_IMAGE)
    return row
