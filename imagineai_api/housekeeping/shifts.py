"""Duty: rows of shifts that were closed long ago. The jobs that they served stay."""

from sqlalchemy import exists

from imagineai_api.housekeeping.duty import Bounds, Outcome, Premises, remove_oldest
from imagineai_api.jobs.endings import OPEN
from imagineai_api.tables import Job, Shift


async def remove(premises: Premises, bounds: Bounds) -> Outcome:
    """Remove them, except where an open job still names their run."""
    needed = exists().where(Job.status.in_(OPEN), Job.flow_run_id == Shift.flow_run_id)
    days = premises.settings.flow_run_days
    return await remove_oldest(premises, bounds, Shift.id, Shift.closed_at, days, ~needed)
