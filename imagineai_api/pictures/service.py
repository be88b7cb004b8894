"""Links to stored pictures: S3 answers them, not the service."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, func

from imagineai_api import ownership
from imagineai_api.database import Database, interval
from imagineai_api.pictures.making import Maker, Wanted
from imagineai_api.storage import Storage
from imagineai_api.tables import ProductImage

PATIENCE_S = 1.0
"""How long an answer waits for small pictures that have to be made first."""
PUT_S = 3600
"""A PUT may begin as late as its URL lapses and take a while."""


async def links(
    database: Database, storage: Storage, user_id: UUID, image_ids: Sequence[UUID]
) -> list[tuple[UUID, str, int]]:
    """Give id, URL and the URL's lifetime in seconds of each image that is the user's and uploaded.

    They come in the order that was asked for; what is not there, or is somebody else's, is left out.
    """
    rows = await _rows(database, user_id, image_ids, ProductImage.s3_key)
    return await _signed(storage, image_ids, {row.id: row.s3_key for row in rows})


async def small_links(
    database: Database,
    storage: Storage,
    maker: Maker,
    user_id: UUID,
    image_ids: Sequence[UUID],
    *,
    size: str,
    urls_last_s: float,
) -> list[tuple[UUID, str, int]]:
    """Do the same for small pictures; those that are not made in time are left out, and made all the same."""
    settled: ColumnElement[bool] = ProductImage.created_at < func.now() - interval(urls_last_s + PUT_S)
    columns = (ProductImage.s3_key, ProductImage.etag, settled.label("settled"))
    rows = await _rows(database, user_id, image_ids, *columns)
    wanted = {row.id: Wanted(row.s3_key, row.etag, size, row.settled) for row in rows if row.etag}
    ready = await maker.ready(list(wanted.values()), within_s=PATIENCE_S)
    return await _signed(
        storage, image_ids, {id_: one.key for id_, one in wanted.items() if one.key in ready}
    )


async def _rows(
    database: Database, user_id: UUID, image_ids: Sequence[UUID], *columns: Any
) -> Sequence[Row[*tuple[Any, ...]]]:
    query = ownership.images(user_id, ProductImage.id, *columns).where(
        ProductImage.id.in_(image_ids), ProductImage.upload_status == "uploaded"
    )
    async with database.reading() as connection:
        rows: Sequence[Row[*tuple[Any, ...]]] = (await connection.execute(query)).all()
    return rows


async def _signed(
    storage: Storage, image_ids: Sequence[UUID], keys: dict[UUID, str]
) -> list[tuple[UUID, str, int]]:
    found = [image_id for image_id in dict.fromkeys(image_ids) if image_id in keys]
    urls, expires_s = await storage.presigned_gets([keys[image_id] for image_id in found])
    return [(image_id, url, expires_s) for image_id, url in zip(found, urls, strict=True)]
