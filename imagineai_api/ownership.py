"""Whose it is: what a user asks for is read through one of these, so that no query forgets the owner."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from imagineai_api.tables import Analysis, Job, Product, ProductImage


def products(user_id: UUID, *columns: Any) -> Select[Any]:
    """Select from a user's products."""
    return select(*columns).select_from(Product).where(Product.user_id == user_id)


def images(user_id: UUID, *columns: Any) -> Select[Any]:
    """Select from the images of a user's products."""
    return (
        select(*columns)
        .select_from(ProductImage)
        .join(Product, Product.id == ProductImage.product_id)
        .where(Product.user_id == user_id)
    )


def analyses(user_id: UUID, *columns: Any) -> Select[Any]:
    """Select from the analyses of a user's images."""
    return (
        select(*columns)
        .select_from(Analysis)
        .join(ProductImage, ProductImage.id == Analysis.product_image_id)
        .join(Product, Product.id == ProductImage.product_id)
        .where(Product.user_id == user_id)
    )


def jobs(user_id: UUID, *columns: Any) -> Select[Any]:
    """Select from a user's jobs."""
    return select(*columns).select_from(Job).where(Job.user_id == user_id)
