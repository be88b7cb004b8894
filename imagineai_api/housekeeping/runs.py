"""Duties: what Prefect keeps of runs that ended long ago, and runs that no longer need to begin."""

from collections.abc import Sequence

from sqlalchemy import select

from imagineai_api.database import Database
from imagineai_api.housekeeping.duty import DAY_S, MORE, Bounds, Outcome, Premises, time_before
from imagineai_api.jobs.endings import OPEN
from imagineai_api.orchestrator import Prefect
from imagineai_api.tables import Job


async def remove_missed(premises: Premises, _bounds: Bounds) -> Outcome:
    """Remove the scheduled runs of this deployment whose time has passed: the present one does their work."""
    now = await time_before(premises.database, 0)
    missed = await premises.prefect.remove_missed(premises.settings.housekeeping_deployment, now)
    return Outcome(missed, missed)


async def remove_ended(premises: Premises, bounds: Bounds) -> Outcome:
    """Remove old runs of our deployments with their artifacts, tasks and logs; jobs keep the bare id.

    The run that an open job names stays: whether it has ended is what that job is judged by.
    """
    before = await time_before(premises.database, premises.settings.flow_run_days * DAY_S)
    looked_at = removed = needed = 0
    while not bounds.reached():
        runs = await premises.prefect.ended_runs(before, offset=needed)
        if not runs:
            return Outcome(looked_at, removed)
        looked_at += len(runs)
        kept = await _needed(premises.database, runs)
        needed += len(kept)
        going = [run for run in runs if run not in kept]
        if await _without_artifacts(premises.prefect, going, bounds):
            removed += await premises.prefect.remove_runs(going, before)
    return Outcome(looked_at, removed, (MORE,))


async def _without_artifacts(prefect: Prefect, runs: Sequence[str], bounds: Bounds) -> bool:
    """Remove the runs' artifacts, which Prefect would keep; False where the bounds came before the last."""
    while not bounds.reached():
        if not await prefect.remove_artifacts(runs):
            return True
    return False


async def _needed(database: Database, runs: Sequence[str]) -> set[str]:
    query = select(Job.flow_run_id).where(Job.status.in_(OPEN), Job.flow_run_id.in_(runs))
    async with database.reading() as connection:
        return {run for run in await connection.scalars(query) if run is not None}
