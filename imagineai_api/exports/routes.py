"""/exports: all that the caller has, as a file that is written while it is read."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from imagineai_api.documentation.errors import errors
from imagineai_api.documentation.examples import PRODUCT_ID
from imagineai_api.exports import service as exports
from imagineai_api.exports.tables import Exported, column_types
from imagineai_api.exports.writers import MEDIA_TYPES, WRITERS, Format, Writer
from imagineai_api.gate import SignedIn, gate
from imagineai_api.limits import Tier

OTHER = "table: input should be 'products', 'analyses' or 'defects'."
BEGINNINGS = {
    Format.CSV: f"product_id,title,images\r\n{PRODUCT_ID},Blue mug,2\r\n",
    Format.JSONL: f'{{"product_id": "{PRODUCT_ID}", "title": "Blue mug", "images": 2}}\n',
    Format.PARQUET: "the bytes of the file",
}
FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file.",
        "content": {
            media_type: {"schema": {"type": "string"}, "example": BEGINNINGS[kind]}
            for kind, media_type in MEDIA_TYPES.items()
        },
    }
}

router = APIRouter(prefix="/exports", tags=["Exports"], route_class=gate(Tier.READ))


@router.get(
    "/{table}",
    summary="Export products, analyses or defects",
    response_class=StreamingResponse,
    responses={**FILE, **errors(401, 422, says={422: OTHER})},
)
async def export(
    request: Request,
    table: Exported,
    user: SignedIn,
    written_as: Annotated[Format, Query(alias="format")] = Format.CSV,
) -> StreamingResponse:
    """Give a row a product, an analysed image, or a defect, newest products first.

    A file whose connection ends before its last chunk is not whole.
    """
    writer: Writer = await asyncio.to_thread(WRITERS[written_as], column_types(table))
    pieces = _pieces(exports.pages(request.app.state.database, user.id, table), writer)
    first = await anext(pieces)  # what is away now is an error answer, not half a file
    name = f"{table}-{datetime.now(UTC):%Y-%m-%d}.{written_as}"
    return StreamingResponse(
        _after(first, pieces),
        media_type=MEDIA_TYPES[written_as],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def _pieces(pages: AsyncIterator[Any], writer: Writer) -> AsyncIterator[bytes]:
    async for rows in pages:
        yield await asyncio.to_thread(writer.write, rows)
    yield await asyncio.to_thread(writer.end)


async def _after(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
