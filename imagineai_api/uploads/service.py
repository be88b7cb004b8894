"""Uploads through the API: a picture comes in, is proven to be one, and its job starts."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api import dispatch
from imagineai_api.database import Database
from imagineai_api.errors import StorageAway
from imagineai_api.products import service as products
from imagineai_api.storage import Storage, StoredObject
from imagineai_api.uploads import images, proof
from imagineai_api.uploads.images import Accepted, Started, Upload
from imagineai_vision.picture import PictureFacts


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
    key = images.key_of(user_id, upload)
    stored = await _store(database, storage, key, upload)
    committing = False
    try:
        async with database.transaction() as connection:
            if first is not None:
                await first(connection)
            await products.hold(connection, user_id, upload.product_id)
            accepted = Accepted(facts, stored, upload.job_id)
            await images.insert(connection, upload, key, stored.size_bytes, accepted)
            started = await images.start(
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


async def _store(database: Database, storage: Storage, key: str, upload: Upload) -> StoredObject:
    try:
        return await storage.put(key, upload.data, upload.content_type)
    except StorageAway:
        # It may have arrived all the same, or arrive still.
        async with database.transaction() as connection:
            await dispatch.delete_objects(connection, [key])
        raise
