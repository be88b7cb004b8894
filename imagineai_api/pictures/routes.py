"""GET /pictures: where the caller's pictures can be read."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request

from imagineai_api.documentation.errors import errors
from imagineai_api.gate import SignedIn, gate
from imagineai_api.limits import Tier
from imagineai_api.pictures import service as pictures
from imagineai_api.pictures.schemas import PictureLink

AT_ONCE = 100
Size = Literal["full", "small", "medium"]

router = APIRouter(prefix="/pictures", tags=["Products"], route_class=gate(Tier.READ))


@router.get(
    "",
    summary="Get links to pictures",
    responses=errors(401, 422, says={422: "image_id is required."}),
)
async def get_picture_links(
    request: Request,
    user: SignedIn,
    image_id: Annotated[list[UUID], Query(min_length=1, max_length=AT_ONCE)],
    size: Annotated[Size, Query()] = "full",
) -> list[PictureLink]:
    """Say where pictures can be read, without a token, for a while; what is not yours is left out.

    `full` is the picture as it was uploaded. `small` and `medium` are WebP, upright, in sRGB and over white,
    at most 384 or 768 pixels on the longer side. They are made when they are first asked for; the URL of
    one that is not made within a second is null: ask again. Where the picture was changed, there is none.
    """
    state = request.app.state
    if size == "full":
        found = await pictures.links(state.database, state.storage, user.id, image_id)
    else:
        found = await pictures.small_links(
            state.database,
            state.storage,
            state.maker,
            user.id,
            image_id,
            size=size,
            urls_last_s=state.settings.presigned_url_expires_s,
        )
    return [PictureLink(image_id=one, url=url, expires_in=expires_s) for one, url, expires_s in found]
