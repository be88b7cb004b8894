"""The dashboard as JSON."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel


class Statistics(BaseModel):
    """Totals over all that the caller owns; the average in milliseconds, null when there is nothing."""

    total_products: int
    total_images: int
    completed_analyses: int
    total_defects: int
    active_jobs: int
    avg_processing_time_ms: int | None


class RecentJob(BaseModel):
    """One of the last ten jobs."""

    id: UUID
    job_type: str
    status: str
    total_images: int
    processed_images: int
    created_at: datetime
    completed_at: datetime | None


class CategoryCount(BaseModel):
    """How many products a category has."""

    category: str
    count: int
