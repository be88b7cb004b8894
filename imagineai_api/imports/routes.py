"""/imports: many products and pictures at once, from a CSV, a zip, or the caller's folder in S3."""

from uuid import UUID

from fastapi import APIRouter, Request

from imagineai_api import request_log
from imagineai_api.database import Reading, Transaction
from imagineai_api.documentation.errors import bad_id, errors
from imagineai_api.documentation.examples import shown_as
from imagineai_api.gate import SignedIn, gate
from imagineai_api.imports import service as imports
from imagineai_api.imports.schemas import (
    CANCELLED,
    ONE_OF_BOTH,
    QUEUED,
    ImportCreate,
    ImportPage,
    ImportResponse,
    ImportRowPage,
    ImportRowResponse,
    ImportRowStatus,
    NewImportResponse,
)
from imagineai_api.limits import Tier
from imagineai_api.paging import BAD_PAGE, Page, PageSize, pages

HAS_ENDED = "The import has ended already: it is completed."
SAYS = {404: imports.NO_IMPORT, 422: bad_id("import_id")}

router = APIRouter(prefix="/imports", tags=["Imports"], route_class=gate(Tier.READ))


@router.post(
    "",
    status_code=201,
    summary="Announce an import",
    responses=errors(
        400,
        401,
        409,
        422,
        says={
            409: imports.too_many(10),
            413: imports.too_large(2_000_000_000),
            422: f"The body: {ONE_OF_BOTH}.",
        },
    ),
)
async def create_import(
    request: Request, user: SignedIn, transaction: Transaction, body: ImportCreate
) -> NewImportResponse:
    """Say what is to be imported: a CSV or a zip, to be PUT to the URL of the answer, or a prefix in S3."""
    state = request.app.state
    if body.prefix is not None:
        made = await imports.create_of_prefix(transaction, state.settings, user.id, body.prefix)
    else:
        made = await imports.create_of_file(
            transaction,
            state.storage,
            state.settings,
            user.id,
            filename=body.filename or "",
            size_bytes=body.file_size_bytes or 0,
        )
    return NewImportResponse.model_validate(made)


@router.post(
    "/{import_id}/start",
    summary="Start an import",
    responses={
        200: shown_as(QUEUED),
        **errors(401, 404, 409, 422, 502, says={**SAYS, 409: imports.NOTHING_YET}),
    },
)
async def start_import(import_id: UUID, request: Request, user: SignedIn) -> ImportResponse:
    """Begin, once the file is there; go on with an import that failed or was cancelled."""
    state = request.app.state
    started = await imports.start(
        state.database,
        state.storage,
        state.settings,
        user.id,
        import_id,
        request_id=request_log.request_id.get(),
    )
    return ImportResponse.model_validate(started)


@router.post(
    "/{import_id}/cancel",
    summary="Cancel an import",
    responses={200: shown_as(CANCELLED), **errors(401, 404, 409, 422, says={**SAYS, 409: HAS_ENDED})},
)
async def cancel_import(
    import_id: UUID, request: Request, user: SignedIn, transaction: Transaction
) -> ImportResponse:
    """End an import; what it has imported stays, and it can be started again."""
    lasts_s = request.app.state.settings.presigned_url_expires_s
    cancelled = await imports.cancel(transaction, user.id, import_id, urls_last_s=lasts_s)
    return ImportResponse.model_validate(cancelled)


@router.get("", summary="List imports", responses=errors(401, 422, says={422: BAD_PAGE}))
async def list_imports(
    user: SignedIn, reading: Reading, page: Page = 1, page_size: PageSize = 20
) -> ImportPage:
    """List the caller's imports, newest first."""
    items, total = await imports.page(reading, user.id, limit=page_size, offset=(page - 1) * page_size)
    return ImportPage(
        items=[ImportResponse.model_validate(item) for item in items],
        total=total,
        page=page,
        page_size=page_size,
        pages=pages(total, page_size),
    )


@router.get("/{import_id}", summary="Get an import", responses=errors(401, 404, 422, says=SAYS))
async def get_import(import_id: UUID, user: SignedIn, reading: Reading) -> ImportResponse:
    """Say how an import stands."""
    return ImportResponse.model_validate(await imports.get(reading, user.id, import_id))


@router.get("/{import_id}/rows", summary="List an import's rows", responses=errors(401, 404, 422, says=SAYS))
async def list_import_rows(
    import_id: UUID,
    user: SignedIn,
    reading: Reading,
    status: ImportRowStatus | None = None,
    page: Page = 1,
    page_size: PageSize = 20,
) -> ImportRowPage:
    """List rows by their numbers, and what became of each: ``status=failed`` gives the errors."""
    items, total = await imports.rows(
        reading, user.id, import_id, status=status, limit=page_size, offset=(page - 1) * page_size
    )
    return ImportRowPage(
        items=[ImportRowResponse.model_validate(item) for item in items],
        total=total,
        page=page,
        page_size=page_size,
        pages=pages(total, page_size),
    )
