"""Webhooks in the database: where a user wants to be told, and what was told or is still to be."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from imagineai_api.tables import Table, one_of, owned_by, primary_key, stamped

DELIVERY_STATUSES = ("pending", "delivered", "failed")


class Webhook(Table):
    """An address of a user's that is called when a job ends."""

    __tablename__ = "webhooks"
    __table_args__ = (Index("ix_webhooks_oldest", "user_id", "created_at", "id"),)

    id: Mapped[UUID] = primary_key()
    user_id: Mapped[UUID] = owned_by("users.id")
    url: Mapped[str]
    events: Mapped[list[str]] = mapped_column(ARRAY(Text))
    description: Mapped[str | None]
    secret: Mapped[str]
    """As it was shown once; kept readable, because each call is signed with it."""
    previous_secret: Mapped[str | None]
    previous_secret_until: Mapped[datetime | None]
    """Until then calls are signed with both."""
    active: Mapped[bool] = mapped_column(server_default=text("true"))
    disabled_reason: Mapped[str | None]
    """Why the service, and not the user, has ended the calls."""
    failures: Mapped[int] = mapped_column(server_default="0")
    """Calls that failed since the last one that did not."""
    failing_since: Mapped[datetime | None]
    created_at: Mapped[datetime] = stamped()
    updated_at: Mapped[datetime] = stamped()


class WebhookDelivery(Table):
    """One message to one webhook, written in the transaction that ended the job, tried until it is taken."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        one_of("status", DELIVERY_STATUSES),
        Index("ix_webhook_deliveries_due", "due_at", postgresql_where=text("status = 'pending'")),
        Index("ix_webhook_deliveries_newest", "webhook_id", text("created_at DESC"), text("id DESC")),
        Index("ix_webhook_deliveries_created_at", "created_at"),
    )

    id: Mapped[UUID] = primary_key()
    webhook_id: Mapped[UUID] = owned_by("webhooks.id")
    event: Mapped[str]
    job_id: Mapped[UUID | None]
    """No foreign key: the log outlives the job."""
    payload: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(server_default="pending")
    attempts: Mapped[int] = mapped_column(server_default="0")
    """Grows when an attempt begins, so it also fences: an outcome counts only for the attempt it is of."""
    due_at: Mapped[datetime] = stamped()
    lease_until: Mapped[datetime | None]
    response_status: Mapped[int | None]
    error: Mapped[str | None]
    ended_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = stamped()
