"""GET /jobs: the caller's jobs."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from imagineai_api import request_log
from imagineai_api.database import Direct, Snapshot, Transaction
from imagineai_api.documentation.errors import bad_id, errors
from imagineai_api.documentation.examples import shown_as
from imagineai_api.gate import SignedIn, gate
from imagineai_api.jobs import retrying
from imagineai_api.jobs import service as jobs
from imagineai_api.jobs.schemas import QUEUED_BATCH, JobList, JobStatus, ProcessingJobResponse
from imagineai_api.limits import Tier
from imagineai_api.written_json import WrittenJson

MAX_OFFSET = 2**63 - 1
BAD_LIMIT = "limit: input should be greater than or equal to 1."
SAYS = {404: jobs.NO_JOB, 422: bad_id("job_id")}

router = APIRouter(prefix="/jobs", tags=["Processing Jobs"], route_class=gate(Tier.READ))
computing = APIRouter(route_class=gate(Tier.ANALYSIS))


@router.get(
    "",
    response_model=JobList,
    summary="List jobs",
    responses=errors(401, 422, says={422: BAD_LIMIT}),
)
async def list_jobs(
    user: SignedIn,
    direct: Direct,
    status: JobStatus | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    offset: Annotated[int, Query(ge=0, le=MAX_OFFSET)] = 0,
) -> WrittenJson:
    """List the caller's jobs, newest first, without their steps."""
    items, total = await jobs.page(direct, user.id, status=status, limit=limit, offset=offset)
    return WrittenJson(f'{{"items":{items},"total":{total}}}')


@router.get("/{job_id}", summary="Get a job", responses=errors(401, 404, 422, says=SAYS))
async def get_job(job_id: UUID, user: SignedIn, snapshot: Snapshot) -> ProcessingJobResponse:
    """Give one job with all its steps."""
    return ProcessingJobResponse.model_validate(await jobs.get(snapshot, user.id, job_id))


@computing.post(
    "/{job_id}/retry",
    status_code=201,
    summary="Retry the failed images of a job",
    responses={
        201: shown_as(QUEUED_BATCH),
        **errors(401, 404, 409, 422, per_minute=60, says={**SAYS, 409: retrying.NOTHING_FAILED}),
    },
)
async def retry_job(job_id: UUID, user: SignedIn, transaction: Transaction) -> ProcessingJobResponse:
    """Queue the images that an ended job has not succeeded with, as a job of their own."""
    asked_by = request_log.request_id.get()
    job = await retrying.retry(transaction, user.id, job_id, request_id=asked_by)
    return ProcessingJobResponse.model_validate(job)


router.include_router(computing)
