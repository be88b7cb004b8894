"""Duty: refresh tokens that have been expired for days."""

from imagineai_api.housekeeping.duty import Bounds, Outcome, Premises, remove_oldest
from imagineai_api.tables import RefreshToken


async def remove(premises: Premises, bounds: Bounds) -> Outcome:
    """Remove them, whatever became of their families.

    A used token is known until it expires, so that its reuse kills the family; expired, it is
    refused before anybody looks for its row. A family in use for years does not grow, either.
    """
    days = premises.settings.expired_token_days
    return await remove_oldest(premises, bounds, RefreshToken.id, RefreshToken.expires_at, days)
