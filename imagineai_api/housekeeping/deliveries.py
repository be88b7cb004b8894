"""Duty: what was told to webhooks, or could not be told, long ago."""

from imagineai_api.housekeeping.duty import Bounds, Outcome, Premises, remove_oldest
from imagineai_api.webhook_tables import WebhookDelivery


async def remove(premises: Premises, bounds: Bounds) -> Outcome:
    """Remove the log of deliveries by its age; no delivery is tried for so long."""
    days = premises.settings.webhook_delivery_days
    return await remove_oldest(premises, bounds, WebhookDelivery.id, WebhookDelivery.created_at, days)
