"""Webhooks as JSON."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StrictBool, StringConstraints, model_validator
from pydantic.json_schema import SkipJsonSchema

from imagineai_api.documentation.examples import CREATED_AT, ENDED_AT, JOB_ID, STARTED_AT, shown
from imagineai_api.texts import NO_NUL, storable
from imagineai_api.webhooks import addresses

WEBHOOK_ID = "07b8c9d0-e1f2-4456-8bcd-567890123456"
SECRET = "whsec_bm90IGEgc2VjcmV0LCBidXQgYXMgbG9uZyBhcyBvbmU="


class WebhookEvent(StrEnum):
    """What a webhook can be told; a cancelled job is a failed one with the status cancelled."""

    JOB_COMPLETE = "job_complete"
    JOB_FAILED = "job_failed"


class DeliveryStatus(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


def _called(url: str) -> str:
    addresses.parse(url)
    return url


Url = Annotated[
    str,
    StringConstraints(max_length=addresses.MAX_URL),
    AfterValidator(_called),
    Field(json_schema_extra={"pattern": addresses.URL}),
]
Events = Annotated[list[WebhookEvent], Field(min_length=1, max_length=len(WebhookEvent))]
Note = Annotated[
    str,
    StringConstraints(max_length=200),
    AfterValidator(storable),
    Field(json_schema_extra={"pattern": NO_NUL}),
]

NEW = {
    "url": "https://shop.example/hooks/imagineai",
    "events": ["job_complete", "job_failed"],
    "description": "The shop's own catalogue.",
}
WEBHOOK = {
    **NEW,
    "id": WEBHOOK_ID,
    "active": True,
    "disabled_reason": None,
    "failing_since": None,
    "created_at": CREATED_AT,
    "updated_at": CREATED_AT,
}
DELIVERY = {
    "id": "18c9d0e1-f203-4567-8cde-678901234567",
    "webhook_id": WEBHOOK_ID,
    "event": "job_complete",
    "job_id": JOB_ID,
    "status": "pending",
    "attempts": 1,
    "response_status": 503,
    "error": "The endpoint answered 503.",
    "next_attempt_at": ENDED_AT,
    "ended_at": None,
    "created_at": STARTED_AT,
}
PINGED = {
    **DELIVERY,
    "event": "ping",
    "job_id": None,
    "attempts": 0,
    "response_status": None,
    "error": None,
    "next_attempt_at": STARTED_AT,
}


class WebhookCreate(BaseModel):
    """A new webhook; without ``events`` it is told of all."""

    model_config = shown(NEW)

    url: Url
    events: Events = list(WebhookEvent)
    description: Note | None = None


class WebhookUpdate(BaseModel):
    """What changes; a field that is not sent stays as it is. ``active`` true begins anew after failures."""

    model_config = shown({"url": "https://shop.example/hooks/new", "active": True})

    url: Url | SkipJsonSchema[None] = None
    events: Events | SkipJsonSchema[None] = None
    description: Note | None = None
    active: StrictBool | SkipJsonSchema[None] = None

    @model_validator(mode="after")
    def _required_fields_are_not_emptied(self) -> "WebhookUpdate":
        for name in ("url", "events", "active"):
            if name in self.model_fields_set and getattr(self, name) is None:
                raise ValueError(f"{name} must not be null")
        return self


class WebhookResponse(BaseModel):
    """A webhook. ``disabled_reason`` says why the service has ended its calls, else null."""

    model_config = shown(WEBHOOK)

    id: UUID
    url: str
    events: list[WebhookEvent]
    description: str | None
    active: bool
    disabled_reason: str | None
    failing_since: datetime | None
    created_at: datetime
    updated_at: datetime


class WebhookWithSecret(WebhookResponse):
    """A webhook with the secret that signs its calls: shown this once, and never again."""

    model_config = shown({**WEBHOOK, "secret": SECRET})

    secret: str


class WebhookList(BaseModel):
    """All of a user's webhooks, oldest first."""

    model_config = shown({"items": [WEBHOOK], "total": 1})

    items: list[WebhookResponse]
    total: int


class DeliveryResponse(BaseModel):
    """One message and how its last attempt went; its id is the ``webhook-id`` of every attempt."""

    model_config = shown(DELIVERY)

    id: UUID
    webhook_id: UUID
    event: str
    job_id: UUID | None
    status: DeliveryStatus
    attempts: int
    response_status: int | None
    error: str | None
    next_attempt_at: datetime | None
    ended_at: datetime | None
    created_at: datetime


class DeliveryList(BaseModel):
    """A slice of a webhook's deliveries, newest first."""

    model_config = shown({"items": [DELIVERY], "total": 1})

    items: list[DeliveryResponse]
    total: int
