"""The least there can be: an ASGI function, two statements by psycopg, ``json.dumps``."""

import json
import math
from collections import defaultdict
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from bench.rivals.admission import admitted, opened
from imagineai_api.settings import Settings

PRODUCTS = """
SELECT id, user_id, title, description, category, subcategory, ai_description, status, metadata AS metadata_,
       created_at, updated_at, count(*) OVER () AS total
FROM products WHERE user_id = %s ORDER BY created_at DESC, id DESC LIMIT %s OFFSET %s
"""
IMAGES = """
SELECT product_id, id, s3_key, original_filename, content_type, file_size_bytes, width, height, is_primary,
       upload_status, created_at
FROM product_images WHERE product_id = ANY(%s) ORDER BY created_at, id
"""
PAGE_SIZE = 20

settings = Settings()
state = SimpleNamespace()


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the first page of the product list, whatever the path says."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    user_id = await admitted(HTTPConnection({**scope, "app": SimpleNamespace(state=state)}))
    body = json.dumps(
        await _page(user_id), default=_plain, separators=(",", ":"), ensure_ascii=False
    ).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _page(user_id: UUID) -> dict[str, Any]:
    async with state.pool.connection() as connection:
        rows = await (await connection.execute(PRODUCTS, (user_id, PAGE_SIZE, 0))).fetchall()
        found = await (await connection.execute(IMAGES, ([row["id"] for row in rows],))).fetchall()
    images = defaultdict(list)
    for image in found:
        images[image.pop("product_id")].append(image)
    total = rows[0]["total"] if rows else 0
    for row in rows:
        del row["total"]
        row["images"] = images[row["id"]]
    pages = math.ceil(total / PAGE_SIZE)
    return {"items": rows, "total": total, "page": 1, "page_size": PAGE_SIZE, "pages": pages}


async def _live(receive: Receive, send: Send) -> None:
    await receive()
    address = settings.database_url.replace("+psycopg", "")
    options = {"autocommit": True, "row_factory": dict_row, "options": "-c timezone=UTC"}
    pool: AsyncConnectionPool[AsyncConnection[DictRow]]
    pool = AsyncConnectionPool(address, kwargs=options, min_size=2, max_size=10, open=False)
    async with pool, opened(state, settings):
        state.pool = pool
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)
