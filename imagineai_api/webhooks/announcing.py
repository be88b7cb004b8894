"""What a transaction that ends a job writes for its user's webhooks; the sender does the rest."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api.webhook_tables import Webhook, WebhookDelivery

EVENTS = ("job_complete", "job_failed")
PING = "ping"


async def announce(
    connection: AsyncConnection, user_id: UUID, event: str, at: datetime, data: Mapping[str, Any]
) -> None:
    """Write a delivery for each of a user's webhooks that wants to hear of an event.

    Args:
        connection: The transaction in which it happens: told if it is committed, and only then.
        user_id: Whose webhooks.
        event: ``job_complete`` or ``job_failed``.
        at: When it happened.
        data: What the message says; ``job_id`` is among it.
    """
    # The lock waits for a webhook that is being deleted, whose foreign key would else end this transaction.
    wanted = (
        select(
            func.gen_random_uuid(),
            Webhook.id,
            literal(event),
            literal(UUID(str(data["job_id"])), PG_UUID),
            literal(message(event, at, data), JSONB),
        )
        .where(Webhook.user_id == user_id, Webhook.active, Webhook.events.contains([event]))
        .with_for_update(read=True, key_share=True)
    )
    columns = ["id", "webhook_id", "event", "job_id", "payload"]
    await connection.execute(insert(WebhookDelivery).from_select(columns, wanted))


def message(event: str, at: datetime, data: Mapping[str, Any]) -> dict[str, Any]:
    """Make what is sent: the type, when it happened, and what there is to say."""
    timestamp = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return {"type": event, "timestamp": timestamp, "data": dict(data)}
