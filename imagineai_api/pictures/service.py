"""Links to stored pictures: S3 answers them, not the service."""

from collections.abc import Mapping, Sequence
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


Link = tuple[UUID, str | None, int]
"""An image's id, its URL and the URL's lifetime in seconds; no URL where the picture is being made."""


async def links(database: Database, storage: Storage, user_id: UUID, image_ids: Sequence[UUID]) -> list[Link]:
    """Give a link to each image that is the user's and uploaded.

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
) -> list[Link]:
    """Do the same for small pictures, and leave out those that cannot be made."""
    settled: ColumnElement[bool] = ProductImage.created_at < func.now() - interval(urls_last_s + PUT_S)
    columns = (ProductImage.s3_key, ProductImage.etag, settled.label("settled"))
    rows = await _rows(database, user_id, image_ids, *columns)
    wanted = {row.id: Wanted(row.s3_key, row.etag, size, row.settled) for row in rows if row.etag}
    found = await maker.look(list(wanted.values()), within_s=PATIENCE_S)
    keys = {
        image_id: one.key if found[one.key] == "there" else None
        for image_id, one in wanted.items()
        if found[one.key] != "never"
    }
    return await _signed(storage, image_ids, keys)


async def _rows(
    database: Database, user_id: UUID, image_ids: Sequence[UUID], *columns: Any
) -> Sequence[Row[*tuple[Any, ...]]]:
    query = ownership.images(user_id, ProductImage.id, *columns).where(
        ProductImage.id.in_(image_ids), ProductImage.upload_status == "uploaded"
    )
    async with database.reading() as connection:
        rows: Sequence[Row[*tuple[Any, ...]]] = (await connection.execute(query)).all()
    return rows


async def _signed(storage: Storage, image_ids: Sequence[UUID], keys: Mapping[UUID, str | None]) -> list[Link]:
    given = list(dict.fromkeys(key for key in keys.values() if key is not None))
    urls, expires_s = await storage.presigned_gets(given)
    by_key = dict(zip(given, urls, strict=True))
    found = [(image_id, keys[image_id]) for image_id in dict.fromkeys(image_ids) if image_id in keys]
    return [(image_id, by_key[key] if key else None, expires_s) for image_id, key in found]
