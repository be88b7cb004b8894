"""Duty: images whose upload was prepared and never confirmed, long after their URL has lapsed."""

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api import dispatch
from imagineai_api.database import interval
from imagineai_api.housekeeping.duty import HOUR_S, Bounds, Outcome, Premises, in_batches
from imagineai_api.settings import Settings
from imagineai_api.tables import Product, ProductImage


async def remove(premises: Premises, bounds: Bounds) -> Outcome:
    """Remove the rows; what may lie at their addresses goes by the outbox, in the same transaction."""
    return await in_batches(bounds, partial(_remove_batch, premises, bounds.batch))


async def _remove_batch(premises: Premises, limit: int) -> int:
    async with premises.database.transaction() as connection:
        rows = (await connection.execute(_lapsed(premises.settings, limit))).all()
        if rows:
            await dispatch.delete_objects(connection, [row.s3_key for row in rows])
            await connection.execute(
                delete(ProductImage).where(ProductImage.id.in_([row.id for row in rows]))
            )
            await _name_primaries(connection, [row.product_id for row in rows if row.is_primary])
    return len(rows)


def _lapsed(settings: Settings, limit: int) -> Select[UUID, str, UUID, bool]:
    # A PUT may begin as late as the URL lapses and take a while: hence the hours on top.
    age_s = settings.presigned_url_expires_s + settings.unconfirmed_upload_hours * HOUR_S
    long_ago = ProductImage.created_at < func.now() - interval(age_s)
    rows = (
        select(ProductImage.id, ProductImage.s3_key, ProductImage.product_id, ProductImage.is_primary)
        .join(Product, Product.id == ProductImage.product_id)
        .where(ProductImage.upload_status == "pending", long_ago)
        .order_by(ProductImage.created_at)
        .limit(limit)
    )
    # Both as a confirmation holds them, so that one under way keeps its image; nobody is waited for.
    both = [Product.__table__, ProductImage.__table__]
    return rows.with_for_update(of=both, key_share=True, skip_locked=True)


async def _name_primaries(connection: AsyncConnection, product_ids: Sequence[UUID]) -> None:
    """Make the oldest image that is left the primary one of each product that has lost its own."""
    oldest = (
        select(ProductImage.id)
        .ext(distinct_on(ProductImage.product_id))
        .where(ProductImage.product_id.in_(product_ids))
        .order_by(ProductImage.product_id, ProductImage.created_at, ProductImage.id)
    )
    await connection.execute(update(ProductImage).where(ProductImage.id.in_(oldest)).values(is_primary=True))
