"""Duty: imports that were never started, files that nobody goes on with, and rows told long enough."""

from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, update

from imagineai_api import dispatch
from imagineai_api.database import interval
from imagineai_api.housekeeping.duty import DAY_S, HOUR_S, Bounds, Outcome, Premises, in_batches
from imagineai_api.import_tables import Import, ImportRow

NEVER_STARTED = "It was never started."


async def remove(premises: Premises, bounds: Bounds) -> Outcome:
    """Remove what nobody waits for any longer; what was imported stays."""
    settings = premises.settings
    unstarted_s = settings.presigned_url_expires_s + settings.unconfirmed_upload_hours * HOUR_S
    unstarted = (Import.status == "pending") & (Import.created_at < _ago(unstarted_s))
    given_up = Import.status.in_(("failed", "cancelled")) & Import.source_key.is_not(None)
    given_up &= Import.completed_at < _ago(settings.import_resume_hours * HOUR_S)
    old = Import.completed_at < _ago(settings.import_days * DAY_S)
    done = (
        await _drop_files(premises, bounds, unstarted),
        await _drop_files(premises, bounds, given_up),
        await _remove_rows(premises, bounds, old),
        await _remove_imports(premises, bounds, old),
    )
    remarks = tuple(dict.fromkeys(remark for outcome in done for remark in outcome.remarks))
    return Outcome(sum(one.looked_at for one in done), sum(one.removed for one in done), remarks)


async def _drop_files(premises: Premises, bounds: Bounds, which: ColumnElement[bool]) -> Outcome:
    """Keep the files of some imports no longer; one that was never started ends by that."""
    found = select(Import.id, Import.source_key).where(which).limit(bounds.batch)

    async def drop() -> int:
        async with premises.database.transaction() as connection:
            rows = (await connection.execute(found.with_for_update(skip_locked=True))).all()
            these = update(Import).where(Import.id.in_([row.id for row in rows]))
            ended = {"status": "cancelled", "error_message": NEVER_STARTED, "completed_at": func.now()}
            await connection.execute(these.where(Import.status == "pending").values(**ended))
            await connection.execute(these.values(source_key=None))
            await dispatch.delete_objects(connection, [row.source_key for row in rows if row.source_key])
        return len(rows)

    return await in_batches(bounds, drop)


async def _remove_rows(premises: Premises, bounds: Bounds, old: ColumnElement[bool]) -> Outcome:
    of_old = ImportRow.import_id.in_(select(Import.id).where(old))
    batch = select(ImportRow.import_id, ImportRow.number).where(of_old).limit(bounds.batch).subquery()
    gone = delete(ImportRow).where(
        ImportRow.import_id == batch.c.import_id, ImportRow.number == batch.c.number
    )

    async def remove() -> int:
        async with premises.database.transaction() as connection:
            return (await connection.execute(gone)).rowcount

    return await in_batches(bounds, remove)


async def _remove_imports(premises: Premises, bounds: Bounds, old: ColumnElement[bool]) -> Outcome:
    """Remove imports whose rows are gone: with all of theirs one transaction would take too long."""
    has_rows = select(ImportRow.number).where(ImportRow.import_id == Import.id).exists()
    batch = select(Import.id).where(old, ~has_rows).limit(bounds.batch).with_for_update(skip_locked=True)
    gone = delete(Import).where(Import.id.in_(batch))

    async def remove() -> int:
        async with premises.database.transaction() as connection:
            return (await connection.execute(gone)).rowcount

    return await in_batches(bounds, remove)


def _ago(seconds: float) -> ColumnElement[Any]:
    return func.now() - interval(seconds)
