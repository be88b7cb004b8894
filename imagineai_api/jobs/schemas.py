"""Jobs as JSON."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from imagineai_api.documentation.examples import (
    CREATED_AT,
    ENDED_AT,
    FLOW_RUN_ID,
    IMAGE_ID,
    JOB_ID,
    PRODUCT_ID,
    STARTED_AT,
    USER_ID,
    shown,
)

STEP = {
    "id": "2c3d4e5f-6071-4283-a94a-5b6c7d8e9f01",
    "product_image_id": IMAGE_ID,
    "step_name": "classify",
    "status": "completed",
    "started_at": STARTED_AT,
    "completed_at": ENDED_AT,
    "duration_ms": 412,
    "error_message": None,
    "result_data": {"classification_label": "headphones", "confidence": 0.96, "model_version": "1"},
}
JOB = {
    "id": JOB_ID,
    "user_id": USER_ID,
    "product_id": PRODUCT_ID,
    "job_type": "single",
    "status": "completed",
    "total_images": 1,
    "processed_images": 1,
    "failed_images": 0,
    "celery_task_id": FLOW_RUN_ID,
    "started_at": STARTED_AT,
    "completed_at": ENDED_AT,
    "error_message": None,
    "steps": [STEP],
    "created_at": CREATED_AT,
    "updated_at": ENDED_AT,
}
WAITING_STEP = {
    **STEP,
    "step_name": "preprocess",
    "status": "pending",
    "started_at": None,
    "completed_at": None,
    "duration_ms": None,
    "result_data": {},
}
QUEUED_BATCH = {
    **JOB,
    "job_type": "batch",
    "status": "queued",
    "total_images": 2,
    "processed_images": 0,
    "celery_task_id": None,
    "started_at": None,
    "completed_at": None,
    "steps": [WAITING_STEP],
    "updated_at": CREATED_AT,
}


class JobStatus(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class StepResponse(BaseModel):
    """One step of one image."""

    model_config = shown(STEP)

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

    model_config = shown(JOB, populate_by_name=True)

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

    model_config = shown({"items": [{**JOB, "steps": []}], "total": 42})

    items: list[ProcessingJobResponse]
    total: int
