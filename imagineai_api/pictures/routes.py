"""GET /pictures: where the caller's pictures can be read."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from imagineai_api.database import Reading
from imagineai_api.documentation.errors import errors
from imagineai_api.gate import SignedIn, gate
from imagineai_api.limits import Tier
from imagineai_api.pictures import service as pictures
from imagineai_api.pictures.schemas import PictureLink

AT_ONCE = 100

router = APIRouter(prefix="/pictures", tags=["Products"], route_class=gate(Tier.READ))


@router.get(
    "",
    summary="Get links to pictures",
    responses=errors(401, 422, says={422: "image_id is required."}),
)
async def get_picture_links(
    request: Request,
    user: SignedIn,
    reading: Reading,
    image_id: Annotated[list[UUID], Query(min_length=1, max_length=AT_ONCE)],
) -> list[PictureLink]:
    """Say where pictures can be read, without a token, for a while; what is not yours is left out."""
    found = await pictures.links(reading, request.app.state.storage, user.id, image_id)
    return [PictureLink(image_id=one, url=url, expires_in=expires_s) for one, url, expires_s in found]
