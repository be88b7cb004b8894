"""Imports: announced, started, read, cancelled. What a run writes is in ``progress``."""

from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api import database as databases
from imagineai_api import dispatch, ownership
from imagineai_api.database import Database
from imagineai_api.errors import Conflict, NotFound, TooLarge
from imagineai_api.import_tables import Import, ImportRow
from imagineai_api.imports.rows import folder
from imagineai_api.settings import Settings
from imagineai_api.storage import Storage, StoredObject
from imagineai_api.tables import User
from imagineai_api.uploads.images import safe_name

NO_IMPORT = "There is no such import."
NOTHING_YET = "The file has not been uploaded to the import's address yet."
NOTHING_THERE = "There is nothing in your folder below this prefix."
NO_LONGER_KEPT = "The file of this import is no longer kept: import it anew."
CHANGED = "Another file lies there than the one that was begun with: import it anew."
HAS_COMPLETED = "The import has completed: import anew what is new."
OPEN = ("queued", "processing")
RESUMABLE = ("pending", "failed", "cancelled")
CONTENT_TYPES = {"csv": "text/csv", "zip": "application/zip"}
COLUMNS = (
    Import.id,
    Import.kind,
    Import.name,
    Import.status,
    Import.total_rows,
    Import.imported_rows,
    Import.skipped_rows,
    Import.failed_rows,
    Import.error_message,
    Import.flow_run_id,
    Import.created_at,
    Import.started_at,
    Import.completed_at,
)
ROW_COLUMNS = (
    ImportRow.number,
    ImportRow.key,
    ImportRow.title,
    ImportRow.image,
    ImportRow.status,
    ImportRow.reason,
    ImportRow.product_id,
    ImportRow.image_id,
)


def too_many(most: int) -> str:
    """Give the sentence that answers one import too many."""
    return f"{most} of your imports have not ended: wait for one, or cancel it."


def too_large(most: int) -> str:
    """Give the sentence that answers a file over its limit."""
    return f"The file is over {most:,} bytes."


async def create_of_file(
    connection: AsyncConnection,
    storage: Storage,
    settings: Settings,
    user_id: UUID,
    *,
    filename: str,
    size_bytes: int,
) -> dict[str, Any]:
    """Announce a file; the answer says where to PUT it.

    Raises:
        TooLarge: Over the limit of its kind.
        Conflict: Too many of the user's imports have not ended.
    """
    kind = filename.rpartition(".")[2].lower()
    most = settings.import_max_csv_bytes if kind == "csv" else settings.import_max_bytes
    if size_bytes > most:
        raise TooLarge(too_large(most))
    import_id = uuid4()
    key = f"{folder(user_id)}{import_id}/{safe_name(filename)}"
    fields = {"id": import_id, "kind": kind, "name": filename, "source_key": key, "source_bytes": size_bytes}
    made = await _create(connection, settings, user_id, fields)
    url, expires_s = storage.presigned_put(key, CONTENT_TYPES[kind], size_bytes)
    return {**made, "upload_url": url, "content_type": CONTENT_TYPES[kind], "expires_in": expires_s}


async def create_of_prefix(
    connection: AsyncConnection, settings: Settings, user_id: UUID, prefix: str
) -> dict[str, Any]:
    """Announce what lies in the user's folder below a prefix.

    Raises:
        Conflict: Too many of the user's imports have not ended.
    """
    made = await _create(connection, settings, user_id, {"kind": "prefix", "name": prefix})
    return {**made, "upload_url": None, "content_type": None, "expires_in": None}


async def start(
    database: Database,
    storage: Storage,
    settings: Settings,
    user_id: UUID,
    import_id: UUID,
    *,
    request_id: str | None,
) -> dict[str, Any]:
    """Start an import, or go on with one that failed or was cancelled; one at work is left at work.

    Raises:
        NotFound: There is none, or it is somebody else's.
        Conflict: There is nothing to import, it has completed, or too many of the user's have not ended.
    """
    async with database.reading() as connection:
        before = await _whole(connection, user_id, import_id)
        if before.status in OPEN:
            return await get(connection, user_id, import_id)
    stored = await _proven(storage, user_id, before)
    async with database.transaction() as connection:
        await _hold_user(connection, user_id)
        now = await _whole(connection, user_id, import_id, lock=True)
        if now.status in RESUMABLE:
            if now.source_key != before.source_key:
                raise Conflict(NO_LONGER_KEPT)
            if now.status != "pending":  # it counts already
                await _ensure_room(connection, settings, user_id)
            await _queue(connection, now, stored, request_id)
        elif now.status not in OPEN:
            raise Conflict(HAS_COMPLETED)
        return await get(connection, user_id, import_id)


async def cancel(
    connection: AsyncConnection, user_id: UUID, import_id: UUID, *, urls_last_s: float
) -> dict[str, Any]:
    """Cancel an import: what it has imported stays, the other rows wait to be gone on with.

    Raises:
        NotFound: There is none, or it is somebody else's.
        Conflict: It has ended.
    """
    found = await _whole(connection, user_id, import_id, lock=True)
    if found.status not in ("pending", *OPEN):
        raise Conflict(f"The import has ended already: it is {found.status}.")
    values = {
        "status": "cancelled",
        "lease_until": None,
        "completed_at": func.now(),
        "updated_at": func.now(),
    }
    await connection.execute(update(Import).where(Import.id == import_id).values(**values))
    if found.status == "pending":
        await remove_source(connection, import_id, found.source_key, urls_last_s)
    if found.flow_run_id is not None:
        await dispatch.cancel_runs(connection, [found.flow_run_id])
    return await get(connection, user_id, import_id)


async def remove_source(
    connection: AsyncConnection, import_id: UUID, key: str | None, urls_last_s: float
) -> None:
    """Keep an import's file no longer; what is PUT to its URL afterwards goes when that lapses."""
    if key is not None:
        await connection.execute(update(Import).where(Import.id == import_id).values(source_key=None))
        await dispatch.delete_objects(connection, [key])
        await dispatch.delete_objects(connection, [key], after_s=urls_last_s)


async def get(connection: AsyncConnection, user_id: UUID, import_id: UUID) -> dict[str, Any]:
    """Read one of a user's imports.

    Raises:
        NotFound: There is none, or it is somebody else's.
    """
    query = ownership.imports(user_id, *COLUMNS).where(Import.id == import_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise NotFound(NO_IMPORT)
    return dict(row)


async def page(
    connection: AsyncConnection, user_id: UUID, *, limit: int, offset: int
) -> tuple[list[dict[str, Any]], int]:
    """List a user's imports, newest first; also say how many there are in all."""
    query = ownership.imports(user_id, *COLUMNS).order_by(Import.created_at.desc(), Import.id.desc())
    return await databases.page(connection, query, limit=limit, offset=offset)


async def rows(
    connection: AsyncConnection,
    user_id: UUID,
    import_id: UUID,
    *,
    status: str | None,
    limit: int,
    offset: int,
) -> tuple[list[dict[str, Any]], int]:
    """List an import's rows by their numbers; also say how many there are of that status.

    Raises:
        NotFound: There is no such import, or it is somebody else's.
    """
    await get(connection, user_id, import_id)
    query = ownership.import_rows(user_id, *ROW_COLUMNS).where(ImportRow.import_id == import_id)
    if status is not None:
        query = query.where(ImportRow.status == status)
    return await databases.page(connection, query.order_by(ImportRow.number), limit=limit, offset=offset)


async def _create(
    connection: AsyncConnection, settings: Settings, user_id: UUID, fields: dict[str, Any]
) -> dict[str, Any]:
    await _hold_user(connection, user_id)
    await _ensure_room(connection, settings, user_id)
    made = insert(Import).values(user_id=user_id, **fields).returning(*COLUMNS)
    return dict((await connection.execute(made)).mappings().one())


async def _hold_user(connection: AsyncConnection, user_id: UUID) -> None:
    """Have what is begun at once counted one after another."""
    await connection.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))


async def _ensure_room(connection: AsyncConnection, settings: Settings, user_id: UUID) -> None:
    unended = ownership.imports(user_id, func.count()).where(Import.status.in_(("pending", *OPEN)))
    if await connection.scalar(unended) >= settings.imports_per_user:
        raise Conflict(too_many(settings.imports_per_user))


async def _whole(
    connection: AsyncConnection, user_id: UUID, import_id: UUID, *, lock: bool = False
) -> Row[Any]:
    query = ownership.imports(user_id, *Import.__table__.columns).where(Import.id == import_id)
    row: Row[Any] | None = (
        await connection.execute(query.with_for_update() if lock else query)
    ).one_or_none()
    if row is None:
        raise NotFound(NO_IMPORT)
    return row


async def _proven(storage: Storage, user_id: UUID, found: Row[Any]) -> StoredObject | None:
    """Look at what is to be imported: it is there, and the same as before."""
    if found.status == "completed":
        raise Conflict(HAS_COMPLETED)
    if found.kind == "prefix":
        if not await storage.list_page(folder(user_id) + found.name, ""):
            raise Conflict(NOTHING_THERE)
        return None
    if found.source_key is None:
        raise Conflict(NO_LONGER_KEPT)
    stored = await storage.head(found.source_key)
    if stored is None:
        raise Conflict(NOTHING_YET)
    if found.source_etag not in {None, stored.etag}:
        raise Conflict(CHANGED)
    return stored


async def _queue(
    connection: AsyncConnection, found: Row[Any], stored: StoredObject | None, request_id: str | None
) -> None:
    values = {
        "status": "queued",
        "starts": found.starts + 1,
        "attempts": 0,
        "flow_run_id": None,
        "lease_until": None,
        "error_message": None,
        "completed_at": None,
        "request_id": request_id,
        "updated_at": func.now(),
    }
    if stored is not None:
        values |= {"source_etag": stored.etag, "source_bytes": stored.size_bytes}
    await connection.execute(update(Import).where(Import.id == found.id).values(**values))
    key = str(found.id) if found.starts == 0 else f"{found.id}:{found.starts + 1}"
    await dispatch.start_import(connection, found.id, key)
