"""Duty: rows of the outbox that are done for long; those that will not be done are told."""

from sqlalchemy import func, select

from imagineai_api.housekeeping.duty import Bounds, Outcome, Premises, remove_oldest
from imagineai_api.tables import Outbox

SHOWN_STUCK = 20


async def remove(premises: Premises, bounds: Bounds) -> Outcome:
    """Remove what is done, and name what was tried often and is not."""
    days = premises.settings.outbox_days
    outcome = await remove_oldest(premises, bounds, Outbox.id, Outbox.done_at, days)
    return Outcome(outcome.looked_at, outcome.removed, (*outcome.remarks, *await _stuck(premises)))


async def _stuck(premises: Premises) -> list[str]:
    attempts = premises.settings.outbox_stuck_attempts
    stuck = (
        select(Outbox.id, Outbox.kind, Outbox.attempts, Outbox.last_error, func.count().over().label("total"))
        .where(Outbox.done_at.is_(None), Outbox.attempts >= attempts)
        .order_by(Outbox.id)
        .limit(SHOWN_STUCK)
    )
    async with premises.database.reading() as connection:
        rows = (await connection.execute(stuck)).all()
    if not rows:
        return []
    total = f"{rows[0].total} rows were tried {attempts} times or more and are not done."
    told = [f"Row {row.id} ({row.kind}), {row.attempts} attempts: {row.last_error}" for row in rows]
    return [total, *told]
