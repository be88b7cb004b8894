"""Products: what a user sells, and the pictures of it."""

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete as delete_rows
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api import database as databases
from imagineai_api import dispatch, ownership
from imagineai_api.database import Database
from imagineai_api.errors import NotFound
from imagineai_api.events import Event
from imagineai_api.jobs import service as jobs
from imagineai_api.tables import Product, ProductImage

NO_PRODUCT = "There is no such product."
COLUMNS = (
    Product.id,
    Product.user_id,
    Product.title,
    Product.description,
    Product.category,
    Product.subcategory,
    Product.ai_description,
    Product.status,
    Product.metadata_.label("metadata_"),
    Product.created_at,
    Product.updated_at,
)


async def create(connection: AsyncConnection, user_id: UUID, fields: dict[str, Any]) -> dict[str, Any]:
    """Create a product, as a draft."""
    values = {**fields, "user_id": user_id, "category_is_users": fields.get("category") is not None}
    row = (await connection.execute(insert(Product).values(**values).returning(*COLUMNS))).mappings().one()
    return {**row, "images": []}


async def get(connection: AsyncConnection, user_id: UUID, product_id: UUID) -> dict[str, Any]:
    """Read one of a user's products with its pictures.

    Raises:
        NotFound: There is none, or it is somebody else's.
    """
    query = ownership.products(user_id, *COLUMNS).where(Product.id == product_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise NotFound(NO_PRODUCT)
    images = await _images(connection, [product_id])
    return {**row, "images": images[product_id]}


async def page(
    connection: AsyncConnection,
    user_id: UUID,
    *,
    category: str | None,
    status: str | None,
    search: str | None,
    limit: int,
    offset: int,
) -> tuple[list[dict[str, Any]], int]:
    """List a user's products, newest first, with their pictures; also say how many there are in all."""
    query = ownership.products(user_id, *COLUMNS)
    if category is not None:
        query = query.where(Product.category == category)
    if status is not None:
        query = query.where(Product.status == status)
    if search is not None and search.strip():
        query = query.where(Product.search.op("@@")(func.websearch_to_tsquery("english", _bounded(search))))
    newest_first = query.order_by(Product.created_at.desc(), Product.id.desc())
    rows, total = await databases.page(connection, newest_first, limit=limit, offset=offset)
    images = await _images(connection, [row["id"] for row in rows])
    return [{**row, "images": images[row["id"]]} for row in rows], total


async def change(
    connection: AsyncConnection, user_id: UUID, product_id: UUID, fields: dict[str, Any]
) -> dict[str, Any]:
    """Change the fields that were sent.

    Raises:
        NotFound: There is none, or it is somebody else's.
    """
    values = dict(fields)
    if "category" in fields:
        values["category_is_users"] = fields["category"] is not None
        values["subcategory"] = None
    if values:
        await connection.execute(
            update(Product)
            .where(Product.id == product_id, Product.user_id == user_id)
            # The time of the change and not of its transaction, so that the last change has the last time.
            .values(**values, updated_at=func.clock_timestamp())
        )
    return await get(connection, user_id, product_id)


async def delete(database: Database, user_id: UUID, product_id: UUID, *, urls_last_s: float) -> list[Event]:
    """Delete a product with all that hangs on it; its objects follow by the outbox, its jobs end.

    Args:
        database: Where it is.
        user_id: Who asks.
        product_id: What goes.
        urls_last_s: How long presigned URLs work; what is PUT to one afterwards goes when it lapses.

    Returns:
        The last events of the jobs that it ended, to be published.

    Raises:
        NotFound: There is none, or it is somebody else's.
    """
    ended: list[Event] = []
    while True:
        # Workers hold a job, then its product: so jobs end before the product is held, not while it is.
        async with database.transaction() as connection:
            await ensure_owner(connection, user_id, product_id)
            ended += await jobs.cancel_for_product(connection, product_id)
        async with database.transaction() as connection:
            if await _delete_idle(connection, user_id, product_id, urls_last_s):
                return ended


async def hold(connection: AsyncConnection, user_id: UUID, product_id: UUID) -> None:
    """Hold a product while something is added to it; NotFound unless it is this user's."""
    if not await jobs.hold_product(connection, user_id, product_id):
        raise NotFound(NO_PRODUCT)


async def ensure_owner(connection: AsyncConnection, user_id: UUID, product_id: UUID) -> None:
    """Raise NotFound unless the product is this user's."""
    if (
        await connection.scalar(ownership.products(user_id, Product.id).where(Product.id == product_id))
        is None
    ):
        raise NotFound(NO_PRODUCT)


def _bounded(search: str) -> str:
    """Leave one minus of each row of them: each is a NOT, and PostgreSQL's parser holds 32 of those."""
    return re.sub(r"-(?=[\W_]*-)", " ", search)


async def _delete_idle(
    connection: AsyncConnection, user_id: UUID, product_id: UUID, urls_last_s: float
) -> bool:
    """Delete a product that no job is open on; False where one has come meanwhile."""
    query = ownership.products(user_id, Product.id).where(Product.id == product_id)
    if await connection.scalar(query.with_for_update()) is None:
        raise NotFound(NO_PRODUCT)
    if await jobs.are_open(connection, product_id):
        return False
    keys = select(ProductImage.s3_key).where(ProductImage.product_id == product_id)
    young = keys.where(ProductImage.created_at > func.now() - databases.interval(urls_last_s))
    await dispatch.delete_objects(connection, (await connection.scalars(keys)).all())
    await dispatch.delete_objects(connection, (await connection.scalars(young)).all(), after_s=urls_last_s)
    await connection.execute(delete_rows(Product).where(Product.id == product_id))
    return True


async def _images(
    connection: AsyncConnection, product_ids: Sequence[UUID]
) -> defaultdict[UUID, list[dict[str, Any]]]:
    images: defaultdict[UUID, list[dict[str, Any]]] = defaultdict(list)
    if product_ids:
        query = select(ProductImage.__table__).where(ProductImage.product_id.in_(product_ids))
        in_order = query.order_by(ProductImage.created_at, ProductImage.id)
        for row in (await connection.execute(in_order)).mappings():
            images[row["product_id"]].append(dict(row))
    return images
