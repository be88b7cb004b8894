"""All that a user has, a page of products at a time: no connection is held while somebody reads slowly."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Row, Uuid, bindparam, tuple_

from imagineai_api import ownership
from imagineai_api.database import Database
from imagineai_api.exports.tables import NEWEST_FIRST, Exported, rows_of
from imagineai_api.ownership import WHOEVER_ASKS
from imagineai_api.statements import Prepared
from imagineai_api.tables import Product

PRODUCTS_A_PAGE = 200
BEFORE_ALL = (datetime.max.replace(tzinfo=UTC), UUID(int=2**128 - 1))


async def pages(database: Database, user_id: UUID, table: Exported) -> AsyncIterator[Sequence[Row[Any]]]:
    """Read a user's rows, newest products first, page by page; the first one comes even where it is empty.

    A product that is made meanwhile is not in it, one that is deleted meanwhile may be.

    Raises:
        DatabaseAway: PostgreSQL cannot be reached.
    """
    after = BEFORE_ALL
    while True:
        async with database.reading() as connection:
            found = await _keys().execute(connection, user_id=user_id, created_at=after[0], id=after[1])
            keys = found.all()
            ids = [key.id for key in keys]
            rows = await rows_of(table).execute(connection, user_id=user_id, product_ids=ids)
            page = rows.all()
        yield page
        if len(keys) < PRODUCTS_A_PAGE:
            return
        after = (keys[-1].created_at, keys[-1].id)


@cache
def _keys() -> Prepared:
    """The products after one of them."""
    place = tuple_(bindparam("created_at", type_=DateTime(timezone=True)), bindparam("id", type_=Uuid()))
    mine = ownership.products(WHOEVER_ASKS, Product.created_at, Product.id)
    later = mine.where(tuple_(Product.created_at, Product.id) < place)
    return Prepared(later.order_by(*NEWEST_FIRST).limit(PRODUCTS_A_PAGE))
