"""/products: the caller's products and what was found in their pictures."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from imagineai_api import events
from imagineai_api.analysis import service as analyses
from imagineai_api.analysis.schemas import AnalysisResultResponse
from imagineai_api.database import Direct, Reading, Transaction
from imagineai_api.documentation.errors import bad_id, errors
from imagineai_api.documentation.examples import shown_as
from imagineai_api.gate import SignedIn, gate
from imagineai_api.limits import Tier
from imagineai_api.paging import BAD_PAGE, Page, PageSize, pages
from imagineai_api.products import service as products
from imagineai_api.products.schemas import (
    DRAFT,
    ProductCreate,
    ProductPage,
    ProductResponse,
    ProductStatus,
    ProductUpdate,
)
from imagineai_api.texts import Storable
from imagineai_api.written_json import WrittenJson

SAYS = {404: products.NO_PRODUCT, 422: bad_id("product_id")}

router = APIRouter(prefix="/products", tags=["Products"], route_class=gate(Tier.READ))


@router.get(
    "",
    response_model=ProductPage,
    summary="List products",
    responses=errors(401, 422, says={422: BAD_PAGE}),
)
async def list_products(
    user: SignedIn,
    direct: Direct,
    category: Storable | None = None,
    status: ProductStatus | None = None,
    search: Annotated[Storable | None, Query(max_length=1000)] = None,
    page: Page = 1,
    page_size: PageSize = 20,
) -> WrittenJson:
    """List the caller's products, newest first."""
    items, total = await products.page(
        direct,
        user.id,
        category=category,
        status=status,
        search=search,
        limit=page_size,
        offset=(page - 1) * page_size,
    )
    last = pages(total, page_size)
    return WrittenJson(
        f'{{"items":{items},"total":{total},"page":{page},"page_size":{page_size},"pages":{last}}}'
    )


@router.post(
    "",
    status_code=201,
    summary="Create a product",
    responses={
        201: shown_as(DRAFT),
        **errors(400, 401, 422, says={422: "title is required."}),
    },
)
async def create_product(user: SignedIn, transaction: Transaction, product: ProductCreate) -> ProductResponse:
    """Create a product, as a draft."""
    return ProductResponse.model_validate(await products.create(transaction, user.id, product.model_dump()))


@router.get(
    "/{product_id}",
    response_model=ProductResponse,
    summary="Get a product",
    responses=errors(401, 404, 422, says=SAYS),
)
async def get_product(product_id: UUID, user: SignedIn, direct: Direct) -> WrittenJson:
    """Give one product with its pictures."""
    return WrittenJson(await products.get(direct, user.id, product_id))


@router.patch(
    "/{product_id}",
    response_model=ProductResponse,
    summary="Update a product",
    responses=errors(400, 401, 404, 422, says=SAYS),
)
async def update_product(
    product_id: UUID, user: SignedIn, transaction: Transaction, changes: ProductUpdate
) -> WrittenJson:
    """Change the fields that are sent."""
    fields = changes.model_dump(exclude_unset=True)
    return WrittenJson(await products.change(transaction, user.id, product_id, fields))


@router.delete(
    "/{product_id}",
    status_code=204,
    response_class=Response,
    summary="Delete a product",
    responses=errors(401, 404, 422, says=SAYS),
)
async def delete_product(product_id: UUID, user: SignedIn, request: Request) -> None:
    """Delete a product, its pictures and all that was found in them; jobs that still run on it end."""
    state = request.app.state
    ended = await products.delete(
        state.database, user.id, product_id, urls_last_s=state.settings.presigned_url_expires_s
    )
    await events.publish(state.redis, ended)


@router.get(
    "/{product_id}/analysis", summary="Get a product's analyses", responses=errors(401, 404, 422, says=SAYS)
)
async def get_product_analysis(
    product_id: UUID, user: SignedIn, reading: Reading
) -> list[AnalysisResultResponse]:
    """Give what was found in each picture of a product."""
    await products.ensure_owner(reading, user.id, product_id)
    found = await analyses.of_product(reading, user.id, product_id)
    return [AnalysisResultResponse.model_validate(analysis) for analysis in found]
