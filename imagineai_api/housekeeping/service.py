"""The duties, and how one of them is done: alone, within its bounds."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy import func, select

from imagineai_api.housekeeping import deliveries, imports, orphans, outbox, runs, shifts, tokens, unconfirmed
from imagineai_api.housekeeping.duty import Bounds, Outcome, Premises

DUTY_LOCK = 7_463_003
"""The advisory lock, with the duty's name, that lets one run at a time do it."""
LOCK_MARGIN_S = 120
"""How much longer than its own time a duty may take to end, with its lock held."""
BY_ANOTHER = "Another run is at it."


@dataclass(frozen=True)
class Duty:
    """One thing to keep in order, by the name that people read."""

    name: str
    do: Callable[[Premises, Bounds], Awaitable[Outcome]]


DUTIES = (
    Duty("missed runs", runs.remove_missed),
    Duty("unconfirmed uploads", unconfirmed.remove),
    Duty("orphan objects", orphans.remove),
    Duty("orphan thumbnails", orphans.remove_thumbnails),
    Duty("outbox", outbox.remove),
    Duty("webhook deliveries", deliveries.remove),
    Duty("imports", imports.remove),
    Duty("expired tokens", tokens.remove),
    Duty("closed shifts", shifts.remove),
    Duty("old flow runs", runs.remove_ended),
)
"""In their order. One more is a module with such a function, and a line here."""


async def attend(premises: Premises, duty: Duty, bounds: Bounds) -> Outcome:
    """Do a duty, unless another run does it just now.

    Raises:
        Unavailable: A part is away; what was removed before stays removed, the rest waits for the next run.
    """
    lock = select(func.pg_try_advisory_xact_lock(DUTY_LOCK, func.hashtext(duty.name)))
    async with premises.database.transaction() as connection:
        # It only holds the lock while the duty works elsewhere, and must not be ended for saying nothing.
        idle_ms = round((premises.settings.housekeeping_duty_s + LOCK_MARGIN_S) * 1000)
        setting = func.set_config("idle_in_transaction_session_timeout", str(idle_ms), True)
        await connection.execute(select(setting))
        if not await connection.scalar(lock):
            return Outcome(remarks=(BY_ANOTHER,))
        return await duty.do(premises, bounds)
