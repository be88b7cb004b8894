"""Webhooks: registered, changed, read, tried."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import case, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api import database as databases
from imagineai_api import ownership
from imagineai_api.database import Database, interval
from imagineai_api.errors import Conflict, NotFound
from imagineai_api.settings import Settings
from imagineai_api.tables import User
from imagineai_api.webhook_tables import Webhook, WebhookDelivery
from imagineai_api.webhooks import signing
from imagineai_api.webhooks.addresses import Addresses
from imagineai_api.webhooks.announcing import PING, message

NO_WEBHOOK = "There is no such webhook."
NOT_ACTIVE = "The webhook is not active: nothing is sent to it."
COLUMNS = (
    Webhook.id,
    Webhook.url,
    Webhook.events,
    Webhook.description,
    Webhook.active,
    Webhook.disabled_reason,
    Webhook.failing_since,
    Webhook.created_at,
    Webhook.updated_at,
)
DELIVERY_COLUMNS = (
    WebhookDelivery.id,
    WebhookDelivery.webhook_id,
    WebhookDelivery.event,
    WebhookDelivery.job_id,
    WebhookDelivery.status,
    WebhookDelivery.attempts,
    WebhookDelivery.response_status,
    WebhookDelivery.error,
    case((WebhookDelivery.status == "pending", WebhookDelivery.due_at)).label("next_attempt_at"),
    WebhookDelivery.ended_at,
    WebhookDelivery.created_at,
)


def too_many(most: int) -> str:
    """Give the sentence that answers one webhook too many."""
    return f"At most {most} webhooks may be registered: delete one first."


async def create(
    database: Database, addresses: Addresses, settings: Settings, user_id: UUID, fields: dict[str, Any]
) -> dict[str, Any]:
    """Register a webhook; the answer holds its secret.

    Raises:
        Invalid: Its URL leads where webhooks may not call.
        Conflict: The user has as many as there may be.
    """
    await addresses.check(fields["url"])  # before a connection is taken: a name server may be slow
    async with database.transaction() as connection:
        # Held, so that registrations at once are counted one after another.
        await connection.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))
        if await connection.scalar(ownership.webhooks(user_id, func.count())) >= settings.webhooks_per_user:
            raise Conflict(too_many(settings.webhooks_per_user))
        values = {**fields, "user_id": user_id, "secret": signing.new_secret()}
        made = insert(Webhook).values(**values).returning(*COLUMNS, Webhook.secret)
        return dict((await connection.execute(made)).mappings().one())


async def get(connection: AsyncConnection, user_id: UUID, webhook_id: UUID) -> dict[str, Any]:
    """Read one of a user's webhooks, without its secret.

    Raises:
        NotFound: There is none, or it is somebody else's.
    """
    return await _one(connection, ownership.webhooks(user_id, *COLUMNS).where(Webhook.id == webhook_id))


async def every(connection: AsyncConnection, user_id: UUID) -> list[dict[str, Any]]:
    """List a user's webhooks, oldest first."""
    query = ownership.webhooks(user_id, *COLUMNS).order_by(Webhook.created_at, Webhook.id)
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def change(
    database: Database, addresses: Addresses, user_id: UUID, webhook_id: UUID, fields: dict[str, Any]
) -> dict[str, Any]:
    """Change the fields that were sent. A new URL, and ``active`` true, begin anew after failures.

    Raises:
        NotFound: There is none, or it is somebody else's.
        Invalid: Its URL leads where webhooks may not call.
    """
    async with database.reading() as connection:
        found = await get(connection, user_id, webhook_id)
    if "url" in fields:
        await addresses.check(fields["url"])
    if not fields:
        return found
    anew = {"failures": 0, "failing_since": None}
    values = {**fields, **(anew if fields.get("url") or fields.get("active") else {})}
    if "active" in fields:
        values["disabled_reason"] = None
    async with database.transaction() as connection:
        changed = (
            update(Webhook)
            .where(Webhook.id == webhook_id, Webhook.user_id == user_id)
            .values(**values, updated_at=func.clock_timestamp())
        )
        await connection.execute(changed)
        return await get(connection, user_id, webhook_id)


async def remove(connection: AsyncConnection, user_id: UUID, webhook_id: UUID) -> None:
    """Delete a webhook with its deliveries; what is on its way is not called back.

    Raises:
        NotFound: There is none, or it is somebody else's.
    """
    gone = delete(Webhook).where(Webhook.id == webhook_id, Webhook.user_id == user_id)
    if (await connection.execute(gone)).rowcount == 0:
        raise NotFound(NO_WEBHOOK)


async def rotate_secret(
    connection: AsyncConnection, user_id: UUID, webhook_id: UUID, *, overlap_hours: float
) -> dict[str, Any]:
    """Give a webhook a new secret; for so long the one before it signs beside it.

    Raises:
        NotFound: There is none, or it is somebody else's.
    """
    rotated = (
        update(Webhook)
        .where(Webhook.id == webhook_id, Webhook.user_id == user_id)
        .values(
            secret=signing.new_secret(),
            previous_secret=Webhook.secret,
            previous_secret_until=func.now() + interval(overlap_hours * 3600),
            updated_at=func.clock_timestamp(),
        )
        .returning(*COLUMNS, Webhook.secret)
    )
    return await _one(connection, rotated)


async def ping(connection: AsyncConnection, user_id: UUID, webhook_id: UUID) -> dict[str, Any]:
    """Send a message that says nothing but that it arrives; it is tried once.

    Raises:
        NotFound: There is none, or it is somebody else's.
        Conflict: The webhook is not active.
    """
    found = await _one(
        connection,
        ownership.webhooks(user_id, Webhook.active)
        .where(Webhook.id == webhook_id)
        .with_for_update(read=True, key_share=True),
    )
    if not found["active"]:
        raise Conflict(NOT_ACTIVE)
    payload = message(PING, datetime.now(UTC), {"webhook_id": str(webhook_id)})
    values = {"id": uuid4(), "webhook_id": webhook_id, "event": PING, "payload": payload}
    written = insert(WebhookDelivery).values(**values).returning(*DELIVERY_COLUMNS)
    return dict((await connection.execute(written)).mappings().one())


async def deliveries(
    connection: AsyncConnection, user_id: UUID, webhook_id: UUID, *, limit: int, offset: int
) -> tuple[list[dict[str, Any]], int]:
    """List what was or is to be sent to a webhook, newest first; also say how many there are in all.

    Raises:
        NotFound: There is none, or it is somebody else's.
    """
    query = ownership.deliveries(user_id, *DELIVERY_COLUMNS).where(Webhook.id == webhook_id)
    newest_first = query.order_by(WebhookDelivery.created_at.desc(), WebhookDelivery.id.desc())
    rows, total = await databases.page(connection, newest_first, limit=limit, offset=offset)
    if not total:
        await get(connection, user_id, webhook_id)
    return rows, total


async def _one(connection: AsyncConnection, statement: Any) -> dict[str, Any]:
    row = (await connection.execute(statement)).mappings().one_or_none()
    if row is None:
        raise NotFound(NO_WEBHOOK)
    return dict(row)
