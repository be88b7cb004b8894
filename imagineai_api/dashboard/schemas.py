"""The dashboard as JSON."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from imagineai_api.documentation.examples import CREATED_AT, ENDED_AT, JOB_ID, shown

STATISTICS = {
    "total_products": 10,
    "total_images": 25,
    "completed_analyses": 18,
    "total_defects": 3,
    "active_jobs": 1,
    "avg_processing_time_ms": 1150,
}
RECENT = {
    "id": JOB_ID,
    "job_type": "batch",
    "status": "completed",
    "total_images": 5,
    "processed_images": 5,
    "created_at": CREATED_AT,
    "completed_at": ENDED_AT,
}


class Statistics(BaseModel):
    """Totals over all that the caller owns; the average in milliseconds, null when there is nothing."""

    model_config = shown(STATISTICS)

    total_products: int
    total_images: int
    completed_analyses: int
    total_defects: int
    active_jobs: int
    avg_processing_time_ms: int | None


class RecentJob(BaseModel):
    """One of the last ten jobs."""

    model_config = shown(RECENT)

    id: UUID
    job_type: str
    status: str
    total_images: int
    processed_images: int
    created_at: datetime
    completed_at: datetime | None


class CategoryCount(BaseModel):
    """How many products a category has."""

    model_config = shown({"category": "electronics", "count": 3})

    category: str
    count: int
