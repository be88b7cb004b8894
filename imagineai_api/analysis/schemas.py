"""What was found in a picture, as JSON."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel


class BoundingBox(BaseModel):
    """A box in pixels of the upright stored image, inside it."""

    x: int
    y: int
    width: int
    height: int


class AttributeResponse(BaseModel):
    """One attribute, such as a colour."""

    id: UUID
    attribute_name: str
    attribute_value: str
    confidence: float


class DefectResponse(BaseModel):
    """One defect and where it is."""

    id: UUID
    defect_type: str
    severity: str
    confidence: float
    bounding_box: BoundingBox
    description: str


class AnalysisResultResponse(BaseModel):
    """Everything that was found in one picture."""

    model_config = {"protected_namespaces": ()}

    id: UUID
    product_image_id: UUID
    model_version: str
    classification_label: str | None
    classification_confidence: float | None
    classification_scores: dict[str, float]
    category: str | None
    subcategory: str | None
    defect_score: float | None
    description_text: str | None
    description_model: str | None
    processing_time_ms: int | None
    status: str
    error_message: str | None
    extracted_attributes: list[AttributeResponse]
    detected_defects: list[DefectResponse]
    created_at: datetime
    updated_at: datetime


class RetryResponse(BaseModel):
    """The job that will analyse the picture again."""

    job_id: UUID
    status: str = "queued"
    message: str = "Analysis retry started"
