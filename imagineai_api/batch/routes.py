"""/batch: many images at once."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from imagineai_api import events, request_log
from imagineai_api.batch import service as batch
from imagineai_api.batch.schemas import BatchRequest
from imagineai_api.database import Snapshot, Transaction
from imagineai_api.documentation.errors import bad_id, errors
from imagineai_api.documentation.examples import shown_as
from imagineai_api.gate import SignedIn, gate
from imagineai_api.jobs import service as jobs
from imagineai_api.jobs.schemas import QUEUED_BATCH, ProcessingJobResponse
from imagineai_api.limits import Tier
from imagineai_api.products import service as products

PER_MINUTE = 60
HAS_ENDED = "The job has ended already: it is completed."
SAYS = {404: jobs.NO_JOB, 409: HAS_ENDED, 422: bad_id("job_id")}

router = APIRouter(prefix="/batch", tags=["Batch Processing"], route_class=gate(Tier.ANALYSIS))


@router.post(
    "",
    status_code=201,
    summary="Create a batch job",
    responses={
        201: shown_as(QUEUED_BATCH),
        **errors(
            400,
            401,
            404,
            422,
            per_minute=PER_MINUTE,
            says={404: products.NO_PRODUCT, 422: batch.UNUSABLE},
        ),
    },
)
async def create_batch(user: SignedIn, transaction: Transaction, body: BatchRequest) -> ProcessingJobResponse:
    """Queue uploaded images of one product as one job."""
    job = await batch.start(
        transaction,
        user_id=user.id,
        product_id=body.product_id,
        image_ids=body.image_ids,
        request_id=request_log.request_id.get(),
    )
    return ProcessingJobResponse.model_validate(job)


@router.get(
    "/{job_id}", summary="Get a batch job", responses=errors(401, 404, 422, per_minute=PER_MINUTE, says=SAYS)
)
async def get_batch(job_id: UUID, user: SignedIn, snapshot: Snapshot) -> ProcessingJobResponse:
    """Give one job with all its steps."""
    return ProcessingJobResponse.model_validate(await jobs.get(snapshot, user.id, job_id))


@router.delete(
    "/{job_id}",
    status_code=204,
    response_class=Response,
    summary="Cancel a batch job",
    responses=errors(401, 404, 409, 422, per_minute=PER_MINUTE, says=SAYS),
)
async def cancel_batch(job_id: UUID, user: SignedIn, request: Request) -> None:
    """Cancel a job for good."""
    state = request.app.state
    async with state.database.transaction() as connection:
        ended = await jobs.cancel(connection, user.id, job_id)
    await events.publish(state.redis, [ended])
