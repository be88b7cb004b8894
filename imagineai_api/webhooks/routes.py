"""/webhooks: where the caller's apps want to be called when a job ends."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from imagineai_api.database import Reading, Transaction
from imagineai_api.documentation.errors import bad_id, errors
from imagineai_api.documentation.examples import shown_as
from imagineai_api.gate import SignedIn, gate
from imagineai_api.limits import Tier
from imagineai_api.webhooks import service as webhooks
from imagineai_api.webhooks.schemas import (
    PINGED,
    DeliveryList,
    DeliveryResponse,
    WebhookCreate,
    WebhookList,
    WebhookResponse,
    WebhookUpdate,
    WebhookWithSecret,
)

MAX_OFFSET = 2**63 - 1
SAYS = {404: webhooks.NO_WEBHOOK, 422: bad_id("webhook_id")}

router = APIRouter(prefix="/webhooks", tags=["Webhooks"], route_class=gate(Tier.READ))


@router.post(
    "",
    status_code=201,
    summary="Register a webhook",
    responses=errors(400, 401, 409, 422, says={409: webhooks.too_many(10), 422: "url is required."}),
)
async def create_webhook(request: Request, user: SignedIn, webhook: WebhookCreate) -> WebhookWithSecret:
    """Register an address to be called when a job ends. The secret that signs its calls is shown once."""
    state = request.app.state
    made = await webhooks.create(
        state.database, state.addresses, state.settings, user.id, webhook.model_dump()
    )
    return WebhookWithSecret.model_validate(made)


@router.get("", summary="List webhooks", responses=errors(401))
async def list_webhooks(user: SignedIn, reading: Reading) -> WebhookList:
    """List the caller's webhooks, oldest first, without their secrets."""
    items = await webhooks.every(reading, user.id)
    return WebhookList(items=[WebhookResponse.model_validate(item) for item in items], total=len(items))


@router.get("/{webhook_id}", summary="Get a webhook", responses=errors(401, 404, 422, says=SAYS))
async def get_webhook(webhook_id: UUID, user: SignedIn, reading: Reading) -> WebhookResponse:
    """Give one webhook, without its secret."""
    return WebhookResponse.model_validate(await webhooks.get(reading, user.id, webhook_id))


@router.patch("/{webhook_id}", summary="Update a webhook", responses=errors(400, 401, 404, 422, says=SAYS))
async def update_webhook(
    webhook_id: UUID, request: Request, user: SignedIn, changes: WebhookUpdate
) -> WebhookResponse:
    """Change the fields that are sent. What waits while it is not active is sent once it is again."""
    state, fields = request.app.state, changes.model_dump(exclude_unset=True)
    changed = await webhooks.change(state.database, state.addresses, user.id, webhook_id, fields)
    return WebhookResponse.model_validate(changed)


@router.delete(
    "/{webhook_id}",
    status_code=204,
    response_class=Response,
    summary="Delete a webhook",
    responses=errors(401, 404, 422, says=SAYS),
)
async def delete_webhook(webhook_id: UUID, user: SignedIn, transaction: Transaction) -> None:
    """Delete a webhook with the log of its deliveries."""
    await webhooks.remove(transaction, user.id, webhook_id)


@router.post(
    "/{webhook_id}/rotate-secret",
    summary="Rotate a webhook's secret",
    responses=errors(401, 404, 422, says=SAYS),
)
async def rotate_webhook_secret(
    webhook_id: UUID, request: Request, user: SignedIn, transaction: Transaction
) -> WebhookWithSecret:
    """Make a new secret, shown this once; for a day the calls are signed with the one before it too."""
    hours = request.app.state.settings.webhook_secret_overlap_hours
    rotated = await webhooks.rotate_secret(transaction, user.id, webhook_id, overlap_hours=hours)
    return WebhookWithSecret.model_validate(rotated)


@router.post(
    "/{webhook_id}/test",
    status_code=202,
    summary="Test a webhook",
    responses={
        202: shown_as(PINGED),
        **errors(401, 404, 409, 422, says={**SAYS, 409: webhooks.NOT_ACTIVE}),
    },
)
async def ping_webhook(webhook_id: UUID, user: SignedIn, transaction: Transaction) -> DeliveryResponse:
    """Send a signed ``ping``, tried once; the list of deliveries says how it went."""
    return DeliveryResponse.model_validate(await webhooks.ping(transaction, user.id, webhook_id))


@router.get(
    "/{webhook_id}/deliveries",
    summary="List a webhook's deliveries",
    responses=errors(401, 404, 422, says=SAYS),
)
async def list_deliveries(
    webhook_id: UUID,
    user: SignedIn,
    reading: Reading,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    offset: Annotated[int, Query(ge=0, le=MAX_OFFSET)] = 0,
) -> DeliveryList:
    """List what was sent to a webhook or is to be, newest first: attempts, answer, error, next attempt."""
    items, total = await webhooks.deliveries(reading, user.id, webhook_id, limit=limit, offset=offset)
    return DeliveryList(items=[DeliveryResponse.model_validate(item) for item in items], total=total)
