"""The caller's numbers."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api.jobs import endings
from imagineai_api.jobs import service as jobs
from imagineai_api.tables import Analysis, DetectedDefect, Job, Product, ProductImage

RECENT = 10


async def statistics(connection: AsyncConnection, user_id: UUID) -> RowMapping:
    """Count what a user owns, in one statement."""
    active = select(func.count()).where(Job.user_id == user_id, Job.status.in_(endings.OPEN))
    completed = _of_analyses(func.count(), user_id).where(Analysis.status == "completed")
    average = _of_analyses(func.round(func.avg(Analysis.processing_time_ms)), user_id)
    defects = _of_analyses(func.count(), user_id).join(
        DetectedDefect, DetectedDefect.analysis_id == Analysis.id
    )
    images = (
        select(func.count())
        .select_from(ProductImage)
        .join(Product, Product.id == ProductImage.product_id)
        .where(Product.user_id == user_id)
    )
    query = select(
        select(func.count()).where(Product.user_id == user_id).scalar_subquery().label("total_products"),
        images.scalar_subquery().label("total_images"),
        completed.scalar_subquery().label("completed_analyses"),
        defects.scalar_subquery().label("total_defects"),
        active.scalar_subquery().label("active_jobs"),
        average.where(Analysis.status == "completed").scalar_subquery().label("avg_processing_time_ms"),
    )
    return (await connection.execute(query)).mappings().one()


async def recent(connection: AsyncConnection, user_id: UUID) -> list[dict[str, Any]]:
    """List the last ten jobs, newest first."""
    rows, _ = await jobs.page(connection, user_id, status=None, limit=RECENT, offset=0)
    return rows


async def category_distribution(connection: AsyncConnection, user_id: UUID) -> Sequence[RowMapping]:
    """Count products by category, largest first; products without one are left out."""
    count = func.count().label("count")
    query = (
        select(Product.category, count)
        .where(Product.user_id == user_id, Product.category.is_not(None))
        .group_by(Product.category)
        .order_by(count.desc(), Product.category)
    )
    return (await connection.execute(query)).mappings().all()


def _of_analyses(what: Any, user_id: UUID) -> Select[Any]:
    return (
        select(what)
        .select_from(Analysis)
        .join(ProductImage, ProductImage.id == Analysis.product_image_id)
        .join(Product, Product.id == ProductImage.product_id)
        .where(Product.user_id == user_id)
    )
