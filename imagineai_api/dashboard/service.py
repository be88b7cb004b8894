"""The caller's numbers."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api import ownership
from imagineai_api.jobs import endings
from imagineai_api.jobs import service as jobs
from imagineai_api.tables import Analysis, DetectedDefect, Job, Product

RECENT = 10


async def statistics(connection: AsyncConnection, user_id: UUID) -> RowMapping:
    """Count what a user owns, in one statement."""
    count = func.count()
    active = ownership.jobs(user_id, count).where(Job.status.in_(endings.OPEN))
    is_completed = Analysis.status == "completed"
    completed = ownership.analyses(user_id, count).where(is_completed)
    average_ms = func.round(func.avg(Analysis.processing_time_ms))
    average = ownership.analyses(user_id, average_ms).where(is_completed)
    defects = ownership.analyses(user_id, count).join(
        DetectedDefect, DetectedDefect.analysis_id == Analysis.id
    )
    query = select(
        ownership.products(user_id, count).scalar_subquery().label("total_products"),
        ownership.images(user_id, count).scalar_subquery().label("total_images"),
        completed.scalar_subquery().label("completed_analyses"),
        defects.scalar_subquery().label("total_defects"),
        active.scalar_subquery().label("active_jobs"),
        average.scalar_subquery().label("avg_processing_time_ms"),
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
        ownership.products(user_id, Product.category, count)
        .where(Product.category.is_not(None))
        .group_by(Product.category)
        .order_by(count.desc(), Product.category)
    )
    rows: Sequence[RowMapping] = (await connection.execute(query)).mappings().all()
    return rows
