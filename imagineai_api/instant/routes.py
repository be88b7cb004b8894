"""/analyze: a picture in, its findings out; nothing is stored."""

import time
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Response

from imagineai_api.analysis import service as analyses
from imagineai_api.analysis.description import Description
from imagineai_api.analysis.schemas import UnstoredAnalysis, UnstoredAttribute, UnstoredDefect
from imagineai_api.documentation.errors import errors
from imagineai_api.errors import Busy, DescriptionError, NotAPicture, TooLarge, UnsupportedType
from imagineai_api.gate import MAX_IMAGE_BYTES, REST_MISSING, GatedRequest, SignedIn, gate
from imagineai_api.gone import CLIENT_GONE
from imagineai_api.limits import Tier
from imagineai_api.multipart import file_of, media_type, parsed_form
from imagineai_api.uploads.proof import TOO_LARGE
from imagineai_api.uploads.schemas import CONTENT_TYPES
from imagineai_vision.findings import Prediction

router = APIRouter(tags=["Analysis"], route_class=gate(Tier.ANALYSIS, upload=True))

FORM = "multipart/form-data"
PLAIN_BYTES = "application/octet-stream"
OTHER_BODY = f"The body must be {FORM} with a file, or a picture: {', '.join(CONTENT_TYPES)}."
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {
                "example": {"file": "the bytes of photo.jpg"},
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "contentMediaType": PLAIN_BYTES}},
                },
                "encoding": {"file": {"contentType": ", ".join(CONTENT_TYPES)}},
            },
            **{
                content_type: {"example": "the bytes of a picture", "schema": {}}
                for content_type in CONTENT_TYPES
            },
        },
    }
}


@router.post(
    "/analyze",
    summary="Analyse a picture at once",
    response_model=UnstoredAnalysis,
    responses=errors(
        400,
        401,
        415,
        422,
        502,
        per_minute=60,
        says={
            400: REST_MISSING,
            413: TOO_LARGE,
            415: OTHER_BODY,
            422: NotAPicture.sentence,
            502: DescriptionError.sentence,
            503: Busy.sentence,
        },
    ),
    openapi_extra=BODY,
)
async def analyze(request: GatedRequest, user: SignedIn) -> UnstoredAnalysis | Response:
    """Find what is in a picture and answer it; the picture is not kept."""
    _ensure_room(request)
    picture = await _picture(request)
    _ensure_room(request)
    began = time.perf_counter()
    found = await request.unless_gone(request.app.state.models.predict(picture))
    if found is None:
        return Response(status_code=CLIENT_GONE)
    prediction, version = found
    description = await request.app.state.writer.write(picture, prediction)
    return _told(prediction, version, description, round((time.perf_counter() - began) * 1000))


def _ensure_room(request: GatedRequest) -> None:
    """Refuse before the body is read, and again before it is decoded."""
    state = request.app.state
    if state.models.waiting >= state.settings.inference_queue:
        raise Busy


async def _picture(request: GatedRequest) -> bytes:
    """Read the picture from a form, or from the body itself; what it is, its content says."""
    content_type = media_type(request.headers.get("content-type", PLAIN_BYTES))
    if content_type == FORM:
        async with parsed_form(request) as form:
            picture = await file_of(form).read()
    elif content_type in (*CONTENT_TYPES, PLAIN_BYTES):
        picture = await request.body()
    else:
        raise UnsupportedType(OTHER_BODY)
    if len(picture) > MAX_IMAGE_BYTES:
        raise TooLarge(TOO_LARGE)
    return picture


def _told(
    prediction: Prediction, version: str, description: Description, processing_time_ms: int
) -> UnstoredAnalysis:
    now = datetime.now(UTC)
    return UnstoredAnalysis(
        id=None,
        product_image_id=None,
        model_version=version,
        classification_label=prediction.label,
        classification_confidence=prediction.confidence,
        classification_scores=prediction.scores,
        category=prediction.category,
        subcategory=prediction.subcategory,
        defect_score=prediction.defect_score,
        description_text=description.text,
        description_model=description.model,
        processing_time_ms=processing_time_ms,
        status="completed",
        error_message=None,
        extracted_attributes=[
            UnstoredAttribute(id=None, **analyses.attribute_fields(found)) for found in prediction.attributes
        ],
        detected_defects=[
            UnstoredDefect(id=None, **analyses.defect_fields(found)) for found in prediction.defects
        ],
        created_at=now,
        updated_at=now,
    )
