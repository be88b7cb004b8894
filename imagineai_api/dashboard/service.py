"""The caller's numbers."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import RowMapping, any_, func, literal_column
from sqlalchemy.dialects.postgresql import array

from imagineai_api import ownership
from imagineai_api.jobs import endings
from imagineai_api.jobs import service as jobs
from imagineai_api.ownership import WHOEVER_ASKS
from imagineai_api.statements import Executes, Prepared, total
from imagineai_api.tables import Job, Tally

RECENT = 10
COMPLETED = total(Tally.completed_analyses)
AVERAGE_MS = func.round(func.sum(Tally.processing_time_ms) / func.nullif(COMPLETED, literal_column("0")))
ACTIVE = ownership.jobs(WHOEVER_ASKS, func.count()).where(Job.status == any_(array(endings.OPEN)))
STATISTICS = Prepared(
    ownership.tallies(
        WHOEVER_ASKS,
        total(Tally.products).label("total_products"),
        total(Tally.images).label("total_images"),
        COMPLETED.label("completed_analyses"),
        total(Tally.defects).label("total_defects"),
        ACTIVE.scalar_subquery().label("active_jobs"),
        AVERAGE_MS.label("avg_processing_time_ms"),
    )
)
COUNT = total(Tally.products).label("count")
CATEGORIES = Prepared(
    ownership.tallies(WHOEVER_ASKS, Tally.category, COUNT)
    .where(Tally.category.is_not(None))
    .group_by(Tally.category)
    .having(COUNT > 0)
    .order_by(COUNT.desc(), Tally.category)
)


async def statistics(connection: Executes, user_id: UUID) -> RowMapping:
    """Give a user's numbers: by the tallies, which are few however much there is."""
    return (await STATISTICS.execute(connection, user_id=user_id)).mappings().one()


async def recent(connection: Executes, user_id: UUID) -> str:
    """List the last ten jobs, newest first, as JSON."""
    return await jobs.recent(connection, user_id, RECENT)


async def category_distribution(connection: Executes, user_id: UUID) -> Sequence[RowMapping]:
    """Count products by category, largest first; products without one are left out."""
    return (await CATEGORIES.execute(connection, user_id=user_id)).mappings().all()
