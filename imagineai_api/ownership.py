"""Whose it is: what a user asks for is read through one of these, so that no query forgets the owner."""

from typing import Any
from uuid import UUID

from sqlalchemy import BindParameter, Select, Uuid, bindparam, select

from imagineai_api.import_tables import Import, ImportRow
from imagineai_api.tables import Analysis, Job, Product, ProductImage, Tally
from imagineai_api.webhook_tables import Webhook, WebhookDelivery

Owner = UUID | BindParameter[UUID]
WHOEVER_ASKS = bindparam("user_id", type_=Uuid())
"""The owner in a statement that is made once for all of them."""


def products(user_id: Owner, *columns: Any) -> Select[Any]:
    """Select from a user's products."""
    return select(*columns).select_from(Product).where(Product.user_id == user_id)


def images(user_id: Owner, *columns: Any) -> Select[Any]:
    """Select from the images of a user's products."""
    return (
        select(*columns)
        .select_from(ProductImage)
        .join(Product, Product.id == ProductImage.product_id)
        .where(Product.user_id == user_id)
    )


def analyses(user_id: Owner, *columns: Any) -> Select[Any]:
    """Select from the analyses of a user's images."""
    return (
        select(*columns)
        .select_from(Analysis)
        .join(ProductImage, ProductImage.id == Analysis.product_image_id)
        .join(Product, Product.id == ProductImage.product_id)
        .where(Product.user_id == user_id)
    )


def jobs(user_id: Owner, *columns: Any) -> Select[Any]:
    """Select from a user's jobs."""
    return select(*columns).select_from(Job).where(Job.user_id == user_id)


def webhooks(user_id: Owner, *columns: Any) -> Select[Any]:
    """Select from a user's webhooks."""
    return select(*columns).select_from(Webhook).where(Webhook.user_id == user_id)


def deliveries(user_id: Owner, *columns: Any) -> Select[Any]:
    """Select from the deliveries of a user's webhooks."""
    return (
        select(*columns)
        .select_from(WebhookDelivery)
        .join(Webhook, Webhook.id == WebhookDelivery.webhook_id)
        .where(Webhook.user_id == user_id)
    )


def imports(user_id: Owner, *columns: Any) -> Select[Any]:
    """Select from a user's imports."""
    return select(*columns).select_from(Import).where(Import.user_id == user_id)


def import_rows(user_id: Owner, *columns: Any) -> Select[Any]:
    """Select from the rows of a user's imports."""
    return (
        select(*columns)
        .select_from(ImportRow)
        .join(Import, Import.id == ImportRow.import_id)
        .where(Import.user_id == user_id)
    )


def tallies(user_id: Owner, *columns: Any) -> Select[Any]:
    """Select from a user's tallies."""
    return select(*columns).select_from(Tally).where(Tally.user_id == user_id)
