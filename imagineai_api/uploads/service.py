"""Uploads: a picture comes in, is proven to be one, and its job starts."""

import logging
import re
import unicodedata
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api import dispatch, ownership
from imagineai_api.analysis import service as analyses
from imagineai_api.database import Database
from imagineai_api.errors import Conflict, NotAPicture, NotFound, StorageAway
from imagineai_api.jobs import service as jobs
from imagineai_api.products import service as products
from imagineai_api.storage import Storage, StoredObject
from imagineai_api.tables import ProductImage
from imagineai_api.uploads import proof
from imagineai_vision.picture import PictureFacts

log = logging.getLogger(__name__)

SAFE_NAME_LENGTH = 80
NO_IMAGE = "There is no such image."
NOTHING_YET = "Nothing has been uploaded to this image's address yet."
# A product's first image is its primary one.
INSERT_IMAGE = text("""
INSERT INTO product_images (
    id, product_id, s3_key, original_filename, content_type, file_size_bytes, width, height,
    is_primary, upload_status, etag, upload_job_id, import_key, created_at
) VALUES (
    :id, :product_id, :s3_key, :original_filename, :content_type, :file_size_bytes, :width, :height,
    NOT EXISTS (SELECT FROM product_images WHERE product_id = :product_id AND is_primary),
    :upload_status, :etag, :upload_job_id, :import_key, clock_timestamp()
)
""")


@dataclass(frozen=True)
class Upload:
    """A file as it was sent.

    Attributes:
        import_key: What later imports know it by, where an import brings it.
    """

    product_id: UUID
    filename: str
    content_type: str
    data: bytes
    import_key: str | None = None
    image_id: UUID = field(default_factory=uuid4)
    job_id: UUID = field(default_factory=uuid4)


@dataclass(frozen=True)
class Started:
    """An accepted image and its job."""

    image_id: UUID
    job_id: UUID


@dataclass(frozen=True)
class _Accepted:
    """What an image is accepted as: proven, stored, and with a job of its own."""

    facts: PictureFacts
    stored: StoredObject
    job_id: UUID


async def upload(
    database: Database, storage: Storage, *, user_id: UUID, upload: Upload, request_id: str | None
) -> Started:
    """Take a picture through the API: prove it, store it, start its job.

    Raises:
        NotFound: The product is not this user's.
        UnsupportedType: The declared type is none of the four.
        TooLarge: Over the limit.
        NotAPicture: It does not decode, or is another type than declared.
        StorageAway: S3 cannot be reached; nothing is kept then.
    """
    async with database.reading() as connection:
        await products.ensure_owner(connection, user_id, upload.product_id)
    proof.check_declared(upload.content_type, len(upload.data))
    facts = await proof.prove(upload.data, upload.content_type)
    return await keep(database, storage, user_id=user_id, upload=upload, facts=facts, request_id=request_id)


async def keep(
    database: Database,
    storage: Storage,
    *,
    user_id: UUID,
    upload: Upload,
    facts: PictureFacts,
    request_id: str | None,
    first: Callable[[AsyncConnection], Awaitable[None]] | None = None,
) -> Started:
    """Store a picture that was proven, and start its job.

    Args:
        database: Where its rows go.
        storage: Where its bytes go.
        user_id: Whose it is.
        upload: The picture.
        facts: What was proven of it.
        request_id: Of the request that brings it.
        first: What is written in the same transaction, before the product is held.

    Raises:
        NotFound: The product is not this user's.
        StorageAway: S3 cannot be reached; nothing is kept then.
    """
    key = _key(user_id, upload.product_id, upload.image_id, upload.filename)
    stored = await _store(database, storage, key, upload)
    committing = False
    try:
        async with database.transaction() as connection:
            if first is not None:
                await first(connection)
            await products.hold(connection, user_id, upload.product_id)
            accepted = _Accepted(facts, stored, upload.job_id)
            await _insert_image(connection, upload, key, stored.size_bytes, accepted)
            started = await _start(
                connection, user_id, upload.product_id, upload.image_id, accepted, request_id
            )
            committing = True
    except Exception:
        # A commit whose answer was lost may have been made: its picture has to stay.
        if not committing:
            with suppress(StorageAway):
                await storage.delete([key])
        raise
    return started


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
    key = _key(user_id, product_id, wished.image_id, filename)
    await _insert_image(connection, wished, key, size_bytes, None)
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
        await _refuse(database, storage, image_id, image.s3_key)
        raise
    async with database.transaction() as connection:
        if not await jobs.hold_product(connection, user_id, image.product_id):
            raise NotFound(NO_IMAGE)
        return await _accept(connection, user_id, image_id, facts, stored, request_id)


async def _store(database: Database, storage: Storage, key: str, upload: Upload) -> StoredObject:
    try:
        return await storage.put(key, upload.data, upload.content_type)
    except StorageAway:
        # It may have arrived all the same, or arrive still.
        async with database.transaction() as connection:
            await dispatch.delete_objects(connection, [key])
        raise


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
    accepted = _Accepted(facts, stored, uuid4())
    values = {"file_size_bytes": stored.size_bytes, **_values(accepted)}
    await connection.execute(update(ProductImage).where(ProductImage.id == image_id).values(**values))
    return await _start(connection, user_id, image.product_id, image_id, accepted, request_id)


async def _start(
    connection: AsyncConnection,
    user_id: UUID,
    product_id: UUID,
    image_id: UUID,
    accepted: _Accepted,
    request_id: str | None,
) -> Started:
    await analyses.expect(connection, image_id)
    await jobs.start(
        connection,
        user_id=user_id,
        product_id=product_id,
        image_ids=[image_id],
        job_type="single",
        request_id=request_id,
        job_id=accepted.job_id,
    )
    return Started(image_id, accepted.job_id)


async def _refuse(database: Database, storage: Storage, image_id: UUID, key: str) -> None:
    refused = update(ProductImage).where(ProductImage.id == image_id, ProductImage.upload_job_id.is_(None))
    async with database.transaction() as connection:
        await connection.execute(refused.values(upload_status="failed"))
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


async def _insert_image(
    connection: AsyncConnection, upload: Upload, key: str, size_bytes: int, accepted: _Accepted | None
) -> None:
    image = {
        "id": upload.image_id,
        "product_id": upload.product_id,
        "s3_key": key,
        "original_filename": upload.filename,
        "content_type": upload.content_type,
        "file_size_bytes": size_bytes,
        "import_key": upload.import_key,
        **_values(accepted),
    }
    await connection.execute(INSERT_IMAGE, image)


def _values(accepted: _Accepted | None) -> dict[str, Any]:
    if accepted is None:
        return {
            "width": None,
            "height": None,
            "etag": None,
            "upload_job_id": None,
            "upload_status": "pending",
        }
    return {
        "width": accepted.facts.width,
        "height": accepted.facts.height,
        "etag": accepted.stored.etag,
        "upload_job_id": accepted.job_id,
        "upload_status": "uploaded",
    }


def _key(user_id: UUID, product_id: UUID, image_id: UUID, filename: str) -> str:
    return f"products/{user_id}/{product_id}/{image_id}_{safe_name(filename)}"


def safe_name(filename: str) -> str:
    """Make a name of plain letters, digits, dots, dashes and underscores; never empty, never a path."""
    ascii_name = unicodedata.normalize("NFKD", PurePath(filename.replace("\\", "/")).name)
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", ascii_name.encode("ascii", "ignore").decode())
    return plain.strip("._")[-SAFE_NAME_LENGTH:] or "image"
