"""/analysis/{image_id}: what was found, and a second look."""

from uuid import UUID

from fastapi import APIRouter

from imagineai_api import request_log
from imagineai_api.analysis import service as analyses
from imagineai_api.analysis.schemas import AnalysisResultResponse, RetryResponse
from imagineai_api.database import Reading, Transaction
from imagineai_api.documentation.errors import bad_id, errors
from imagineai_api.gate import SignedIn, gate
from imagineai_api.limits import Tier

SAYS = {404: analyses.NO_ANALYSIS, 409: analyses.ON_ITS_WAY, 422: bad_id("image_id")}

router = APIRouter(prefix="/analysis", tags=["Analysis"], route_class=gate(Tier.ANALYSIS))


@router.get(
    "/{image_id}", summary="Get an analysis", responses=errors(401, 404, 422, per_minute=60, says=SAYS)
)
async def get_analysis(image_id: UUID, user: SignedIn, reading: Reading) -> AnalysisResultResponse:
    """Give what was found in one of the caller's images."""
    return AnalysisResultResponse.model_validate(await analyses.get(reading, user.id, image_id))


@router.post(
    "/{image_id}/retry",
    summary="Retry an analysis",
    responses=errors(401, 404, 409, 422, per_minute=60, says=SAYS),
)
async def retry_analysis(image_id: UUID, user: SignedIn, transaction: Transaction) -> RetryResponse:
    """Queue an image again; what is found replaces what was found before."""
    asked_by = request_log.request_id.get()
    return RetryResponse(job_id=await analyses.retry(transaction, user.id, image_id, request_id=asked_by))
