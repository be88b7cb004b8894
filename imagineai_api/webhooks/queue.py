"""Deliveries that are due: claimed by a lease, so that no two replicas send one; settled by their outcome."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, select, text, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api.database import interval
from imagineai_api.settings import Settings
from imagineai_api.webhook_tables import Webhook, WebhookDelivery
from imagineai_api.webhooks.announcing import PING

GONE = 410
AT_ONCE_EACH = 8
"""So many calls of one endpoint at once; one call where its last one failed."""
LOOKED_AT = 500
LEASE_MARGIN_S = 15.0
"""So much longer than a call may take its delivery is kept from others."""
CLAIM = text("""
WITH waiting AS (
    SELECT deliveries.id, webhook_id, due_at, failures > 0 AS is_failing
    FROM webhook_deliveries AS deliveries
        JOIN webhooks ON webhooks.id = webhook_id JOIN users ON users.id = user_id AND is_active
    WHERE status = 'pending' AND due_at <= now() AND coalesce(lease_until < now(), true)
        AND active AND webhook_id <> ALL(CAST(:busy AS uuid[]))
    ORDER BY due_at LIMIT :looked_at
), ranked AS (
    SELECT id, due_at, is_failing, row_number() OVER (PARTITION BY webhook_id ORDER BY due_at, id) AS place
    FROM waiting
), taken AS (
    SELECT id FROM webhook_deliveries
    WHERE id IN (SELECT id FROM ranked WHERE place <= CASE WHEN is_failing THEN 1 ELSE :each END
                 ORDER BY place, due_at LIMIT :most)
        AND status = 'pending' AND coalesce(lease_until < now(), true)
    FOR UPDATE SKIP LOCKED
)
UPDATE webhook_deliveries AS deliveries
SET attempts = attempts + 1, lease_until = now() + make_interval(secs => :lease_s)
FROM taken, webhooks
WHERE deliveries.id = taken.id AND webhooks.id = deliveries.webhook_id
RETURNING deliveries.id, webhook_id, event, payload, attempts, url, secret,
    CASE WHEN previous_secret_until > now() THEN previous_secret END AS previous_secret
""")


@dataclass(frozen=True)
class Claimed:
    """One attempt at a delivery that is this process's to make."""

    id: UUID
    webhook_id: UUID
    event: str
    payload: dict[str, Any]
    attempts: int
    """Which attempt it is, from 1."""
    url: str
    secret: str
    previous_secret: str | None


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended: the status answered, None without an answer; what is wrong, None if nothing."""

    response_status: int | None
    error: str | None
    retry_after_s: float = 0.0


async def claim(
    connection: AsyncConnection, settings: Settings, busy: Collection[UUID], most: int
) -> list[Claimed]:
    """Take what is due, a few of each endpoint, none of those that are busy already."""
    values = {
        "busy": [str(one) for one in busy],
        "looked_at": LOOKED_AT,
        "each": AT_ONCE_EACH,
        "most": most,
        "lease_s": settings.webhook_timeout_s + LEASE_MARGIN_S,
    }
    return [Claimed(**row) for row in (await connection.execute(CLAIM, values)).mappings()]


async def settle(connection: AsyncConnection, settings: Settings, attempt: Claimed, outcome: Outcome) -> str:
    """Write down how an attempt ended; returns delivered, retried, failed, or superseded by another.

    The webhook is held first, as by who deletes it, so that nobody waits for each other.
    """
    held = select(Webhook.id).where(Webhook.id == attempt.webhook_id).with_for_update(key_share=True)
    if await connection.scalar(held) is None:
        return "superseded"
    verdict = _verdict(settings, attempt, outcome)
    written = (
        update(WebhookDelivery)
        .where(
            WebhookDelivery.id == attempt.id,
            WebhookDelivery.attempts == attempt.attempts,
            WebhookDelivery.status == "pending",
        )
        .values(
            response_status=outcome.response_status,
            error=outcome.error,
            lease_until=None,
            **_next(settings, attempt, outcome, verdict),
        )
    )
    if (await connection.execute(written)).rowcount == 0:
        return "superseded"
    await (_praise if verdict == "delivered" else _blame)(connection, settings, attempt, outcome)
    return verdict


def _verdict(settings: Settings, attempt: Claimed, outcome: Outcome) -> str:
    if outcome.error is None:
        return "delivered"
    # Who asks for a ping waits for its outcome: it is not tried again.
    most = 1 if attempt.event == PING else settings.webhook_attempts
    return "failed" if attempt.attempts >= most or outcome.response_status == GONE else "retried"


def _next(settings: Settings, attempt: Claimed, outcome: Outcome, verdict: str) -> dict[str, Any]:
    if verdict != "retried":
        return {"status": verdict, "ended_at": func.now()}
    # Five times as long each time, and no two alike: what failed together does not come back together.
    wait_s = min(settings.webhook_retry_s * 5 ** (attempt.attempts - 1), settings.webhook_retry_max_s)
    asked_s = min(outcome.retry_after_s, settings.webhook_retry_max_s)
    return {"due_at": func.now() + interval(max(wait_s, asked_s)) * (1 + func.random() / 2)}


async def _praise(connection: AsyncConnection, _: Settings, attempt: Claimed, __: Outcome) -> None:
    failed_before = update(Webhook).where(Webhook.id == attempt.webhook_id, Webhook.failures > 0)
    await connection.execute(failed_before.values(failures=0, failing_since=None))


async def _blame(connection: AsyncConnection, settings: Settings, attempt: Claimed, outcome: Outcome) -> None:
    hours = settings.webhook_give_up_hours
    is_hopeless: ColumnElement[bool] = (Webhook.failures + 1 >= settings.webhook_attempts) & (
        Webhook.failing_since < func.now() - interval(hours * 3600)
    )
    given_up = f"No call has succeeded for {hours:g} hours; the last error: {outcome.error}"
    if outcome.response_status == GONE:
        is_hopeless, given_up = true(), "The endpoint answered 410: it is gone for good."
    await connection.execute(
        update(Webhook)
        .where(Webhook.id == attempt.webhook_id)
        .values(
            failures=Webhook.failures + 1,
            failing_since=func.coalesce(Webhook.failing_since, func.now()),
            active=case((is_hopeless, False), else_=Webhook.active),
            disabled_reason=case((is_hopeless, given_up), else_=Webhook.disabled_reason),
        )
    )
