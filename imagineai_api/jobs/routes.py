"""GET /jobs: the caller's jobs."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from imagineai_api.database import Reading, Snapshot
from imagineai_api.documentation.errors import bad_id, errors
from imagineai_api.gate import SignedIn, gate
from imagineai_api.jobs import service as jobs
from imagineai_api.jobs.schemas import JobList, JobStatus, ProcessingJobResponse
from imagineai_api.limits import Tier

MAX_OFFSET = 2**63 - 1
BAD_LIMIT = "limit: input should be greater than or equal to 1."
SAYS = {404: jobs.NO_JOB, 422: bad_id("job_id")}

router = APIRouter(prefix="/jobs", tags=["Processing Jobs"], route_class=gate(Tier.READ))


@router.get(
    "",
    summary="List jobs",
    responses=errors(401, 422, says={422: BAD_LIMIT}),
)
async def list_jobs(
    user: SignedIn,
    reading: Reading,
    status: JobStatus | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    offset: Annotated[int, Query(ge=0, le=MAX_OFFSET)] = 0,
) -> JobList:
    """List the caller's jobs, newest first, without their steps."""
    items, total = await jobs.page(reading, user.id, status=status, limit=limit, offset=offset)
    return JobList(items=[ProcessingJobResponse.model_validate(row) for row in items], total=total)


@router.get("/{job_id}", summary="Get a job", responses=errors(401, 404, 422, says=SAYS))
async def get_job(job_id: UUID, user: SignedIn, snapshot: Snapshot) -> ProcessingJobResponse:
    """Give one job with all its steps."""
    return ProcessingJobResponse.model_validate(await jobs.get(snapshot, user.id, job_id))
