"""Products: what a user sells, and the pictures of it."""

import re
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    bindparam,
    case,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy import delete as delete_rows
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api import database as databases
from imagineai_api import dispatch, ownership, thumbnails
from imagineai_api.database import Database
from imagineai_api.errors import NotFound
from imagineai_api.events import Event
from imagineai_api.jobs import service as jobs
from imagineai_api.ownership import WHOEVER_ASKS
from imagineai_api.statements import Executes, Prepared, as_json, as_list, as_text, total
from imagineai_api.tables import Product, ProductImage, Tally

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
IMAGE_COLUMNS = (
    ProductImage.id,
    ProductImage.s3_key,
    ProductImage.original_filename,
    ProductImage.content_type,
    ProductImage.file_size_bytes,
    ProductImage.width,
    ProductImage.height,
    ProductImage.is_primary,
    ProductImage.upload_status,
    ProductImage.created_at,
)
FILTERS: dict[str, ColumnElement[bool]] = {
    "category": Product.category == bindparam("category"),
    "status": Product.status == bindparam("status"),
    "search": Product.search.op("@@")(
        func.websearch_to_tsquery(literal_column("'english'"), bindparam("search", type_=Text))
    ),
}


async def create(connection: AsyncConnection, user_id: UUID, fields: dict[str, Any]) -> dict[str, Any]:
    """Create a product, as a draft."""
    values = {**fields, "user_id": user_id, "category_is_users": fields.get("category") is not None}
    row = (await connection.execute(insert(Product).values(**values).returning(*COLUMNS))).mappings().one()
    return {**row, "images": []}


async def get(connection: Executes, user_id: UUID, product_id: UUID) -> str:
    """Read one of a user's products with its pictures, as JSON.

    Raises:
        NotFound: There is none, or it is somebody else's.
    """
    found = await _one().execute(connection, user_id=user_id, product_id=product_id)
    product: str | None = found.scalar_one_or_none()
    if product is None:
        raise NotFound(NO_PRODUCT)
    return product


async def page(
    connection: Executes,
    user_id: UUID,
    *,
    category: str | None,
    status: str | None,
    search: str | None,
    limit: int,
    offset: int,
) -> tuple[str, int]:
    """List a user's products, newest first, with their pictures, as JSON; also say how many there are."""
    words = _bounded(search) if search is not None and search.strip() else None
    given = {"category": category, "status": status, "search": words}
    asked = {name: value for name, value in given.items() if value is not None}
    found = await _page(frozenset(asked)).execute(
        connection, user_id=user_id, limit=limit, offset=offset, **asked
    )
    row = found.one()
    return row.items, row.total


async def change(connection: AsyncConnection, user_id: UUID, product_id: UUID, fields: dict[str, Any]) -> str:
    """Change the fields that were sent; gives the product as JSON.

    Raises:
        NotFound: There is none, or it is somebody else's.
    """
    values = dict(fields)
    if "category" in fields:
        values["category_is_users"] = fields["category"] is not None
        same = Product.category.is_not_distinct_from(fields["category"])
        values["subcategory"] = case((same, Product.subcategory), else_=None)
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
    images = select(ProductImage.s3_key, ProductImage.etag).where(ProductImage.product_id == product_id)
    young = images.where(ProductImage.created_at > func.now() - databases.interval(urls_last_s))
    rows = (await connection.execute(images)).all()
    objects = [key for row in rows for key in (row.s3_key, *thumbnails.keys(row.s3_key, row.etag))]
    await dispatch.delete_objects(connection, objects)
    await dispatch.delete_objects(connection, (await connection.scalars(young)).all(), after_s=urls_last_s)
    await connection.execute(delete_rows(Product).where(Product.id == product_id))
    return True


@cache
def _one() -> Prepared:
    product = (
        ownership.products(WHOEVER_ASKS, *COLUMNS).where(Product.id == bindparam("product_id")).subquery()
    )
    return Prepared(select(as_text(_with_images(product))))


@cache
def _page(asked: frozenset[str]) -> Prepared:
    """Make the statement of a list with these filters: always one row, also past the end."""
    filters = [FILTERS[name] for name in sorted(asked)]
    mine = ownership.products(WHOEVER_ASKS, *COLUMNS).where(*filters)
    newest_first = mine.order_by(Product.created_at.desc(), Product.id.desc())
    product = newest_first.limit(bindparam("limit")).offset(bindparam("offset")).subquery()
    counted = _total(asked, filters).scalar_subquery()
    items = as_list(_with_images(product), product.c.created_at.desc(), product.c.id.desc())
    return Prepared(select(as_text(items).label("items"), counted.label("total")))


def _total(asked: frozenset[str], filters: list[ColumnElement[bool]]) -> Select[Any]:
    """Count what a list has: by the tallies where they know it, few rows for however many products."""
    if asked <= {"category"}:
        of_category = [Tally.category == bindparam("category")] if asked else []
        return ownership.tallies(WHOEVER_ASKS, total(Tally.products)).where(*of_category)
    return ownership.products(WHOEVER_ASKS, func.count()).where(*filters)


def _with_images(product: Any) -> ColumnElement[Any]:
    """Make JSON of a product's row, its pictures in it, oldest first."""
    image = as_json(**{column.name: column for column in IMAGE_COLUMNS})
    images = select(as_list(image, ProductImage.created_at, ProductImage.id))
    of_product = images.where(ProductImage.product_id == product.c.id).correlate(product).scalar_subquery()
    return as_json(**dict(product.c.items()), images=of_product)
