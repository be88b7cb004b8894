"""/dashboard: the caller's numbers."""

from fastapi import APIRouter

from imagineai_api.dashboard import service as dashboard
from imagineai_api.dashboard.schemas import CategoryCount, RecentJob, Statistics
from imagineai_api.database import Direct
from imagineai_api.documentation.errors import errors
from imagineai_api.gate import SignedIn, gate
from imagineai_api.limits import Tier
from imagineai_api.written_json import WrittenJson

router = APIRouter(prefix="/dashboard", tags=["Dashboard"], route_class=gate(Tier.READ))


@router.get("/stats", summary="Get statistics", responses=errors(401))
async def get_statistics(user: SignedIn, direct: Direct) -> Statistics:
    """Give totals over all that the caller owns."""
    return Statistics.model_validate(dict(await dashboard.statistics(direct, user.id)))


@router.get("/recent", response_model=list[RecentJob], summary="Get recent activity", responses=errors(401))
async def get_recent(user: SignedIn, direct: Direct) -> WrittenJson:
    """Give the last ten jobs, newest first."""
    return WrittenJson(await dashboard.recent(direct, user.id))


@router.get("/category-distribution", summary="Get the category distribution", responses=errors(401))
async def get_category_distribution(user: SignedIn, direct: Direct) -> list[CategoryCount]:
    """Count products by category, largest first."""
    rows = await dashboard.category_distribution(direct, user.id)
    return [CategoryCount.model_validate(dict(row)) for row in rows]
