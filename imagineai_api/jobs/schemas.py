"""Jobs as JSON."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class JobStatus(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class StepResponse(BaseModel):
    """One step of one image."""

    id: UUID
    product_image_id: UUID
    step_name: str
    status: str
    started_at: datetime | None
    completed_at: datetime | None
    duration_ms: int | None
    error_message: str | None
    result_data: dict[str, Any]


class ProcessingJobResponse(BaseModel):
    """A job; its steps are listed in its detail only."""

    model_config = ConfigDict(populate_by_name=True)

    id: UUID
    user_id: UUID
    product_id: UUID | None
    job_type: str
    status: str
    total_images: int
    processed_images: int
    failed_images: int
    # The reference keeps the name; it holds the Prefect flow-run id.
    flow_run_id: str | None = Field(serialization_alias="celery_task_id")
    started_at: datetime | None
    completed_at: datetime | None
    error_message: str | None
    steps: list[StepResponse] = []
    created_at: datetime
    updated_at: datetime


class JobList(BaseModel):
    """A slice of a user's jobs, newest first."""

    items: list[ProcessingJobResponse]
    total: int
