"""What was found in a picture, as JSON."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from imagineai_api.documentation.examples import ANALYSIS_ID, CREATED_AT, ENDED_AT, IMAGE_ID, JOB_ID, shown

BOX = {"x": 120, "y": 85, "width": 45, "height": 12}
ATTRIBUTE = {
    "id": "0a1b2c3d-4e5f-4061-8728-394a5b6c7d8e",
    "attribute_name": "color",
    "attribute_value": "black",
    "confidence": 0.97,
}
DEFECT = {
    "id": "1b2c3d4e-5f60-4172-9839-4a5b6c7d8e9f",
    "defect_type": "scratch",
    "severity": "low",
    "confidence": 0.72,
    "bounding_box": BOX,
    "description": "A small scratch at the upper left.",
}
ANALYSIS = {
    "id": ANALYSIS_ID,
    "product_image_id": IMAGE_ID,
    "model_version": "1",
    "classification_label": "headphones",
    "classification_confidence": 0.96,
    "classification_scores": {"headphones": 0.96, "other": 0.04},
    "category": "electronics",
    "subcategory": "audio",
    "defect_score": 0.31,
    "description_text": "Headphones in black.",
    "description_model": "imagineai-local-1",
    "processing_time_ms": 1250,
    "status": "completed",
    "error_message": None,
    "extracted_attributes": [ATTRIBUTE],
    "detected_defects": [DEFECT],
    "created_at": CREATED_AT,
    "updated_at": ENDED_AT,
}
UNSTORED = ANALYSIS | {
    "id": None,
    "product_image_id": None,
    "extracted_attributes": [ATTRIBUTE | {"id": None}],
    "detected_defects": [DEFECT | {"id": None}],
}


class BoundingBox(BaseModel):
    """A box in pixels of the upright stored image, inside it."""

    model_config = shown(BOX)

    x: int
    y: int
    width: int
    height: int


class _Attribute(BaseModel):
    id: UUID | None
    attribute_name: str
    attribute_value: str
    confidence: float


class _Defect(BaseModel):
    id: UUID | None
    defect_type: str
    severity: str
    confidence: float
    bounding_box: BoundingBox
    description: str


class _Analysis(BaseModel):
    id: UUID | None
    product_image_id: UUID | None
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
    extracted_attributes: Sequence[_Attribute]
    detected_defects: Sequence[_Defect]
    created_at: datetime
    updated_at: datetime


class AttributeResponse(_Attribute):
    """One attribute, such as a colour."""

    model_config = shown(ATTRIBUTE)

    id: UUID


class DefectResponse(_Defect):
    """One defect and where it is."""

    model_config = shown(DEFECT)

    id: UUID


class AnalysisResultResponse(_Analysis):
    """Everything that was found in one picture."""

    model_config = shown(ANALYSIS)

    id: UUID
    product_image_id: UUID
    extracted_attributes: list[AttributeResponse]
    detected_defects: list[DefectResponse]


class UnstoredAttribute(_Attribute):
    """One attribute of a picture that is not kept."""

    model_config = shown(ATTRIBUTE | {"id": None})

    id: None


class UnstoredDefect(_Defect):
    """One defect of a picture that is not kept."""

    model_config = shown(DEFECT | {"id": None})

    id: None


class UnstoredAnalysis(_Analysis):
    """Everything that was found in a picture that is not kept: as of any other, but for the ids of rows."""

    model_config = shown(UNSTORED)

    id: None
    product_image_id: None
    extracted_attributes: list[UnstoredAttribute]
    detected_defects: list[UnstoredDefect]


class RetryResponse(BaseModel):
    """The job that will analyse the picture again."""

    model_config = shown({"job_id": JOB_ID, "status": "queued", "message": "Analysis retry started"})

    job_id: UUID
    status: str = "queued"
    message: str = "Analysis retry started"
