"""The usual way: FastAPI, async ORM sessions, ``selectinload``, a count of its own, ``response_model``."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, Query, Request
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import registry, relationship, selectinload

from bench.rivals.admission import admitted, opened
from imagineai_api.products.schemas import ProductPage
from imagineai_api.settings import Settings
from imagineai_api.tables import Product, ProductImage

PRODUCTS, IMAGES = Product.metadata.tables["products"], ProductImage.metadata.tables["product_images"]


class OwnProduct:
    """A product with its images as a relationship, which the service's tables do without."""

    id: Any
    user_id: Any
    created_at: Any
    images: Any


class OwnImage:
    """One of them."""


mapping = registry()
mapping.map_imperatively(OwnImage, IMAGES)
mapping.map_imperatively(
    OwnProduct,
    PRODUCTS,
    exclude_properties=["search"],
    properties={
        "metadata_": PRODUCTS.c.metadata,
        "images": relationship(OwnImage, order_by=[IMAGES.c.created_at, IMAGES.c.id]),
    },
)
settings = Settings()
engine = create_async_engine(settings.database_url, connect_args={"options": "-c timezone=UTC"})
sessions = async_sessionmaker(engine, expire_on_commit=False)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with opened(app.state, settings):  # type: ignore[arg-type]  # Starlette's state
        yield
    await engine.dispose()


async def _session() -> AsyncIterator[AsyncSession]:
    async with sessions() as session:
        yield session


async def _user(request: Request) -> UUID:
    return await admitted(request)


app = FastAPI(lifespan=_lifespan)


@app.get("/api/v1/products", response_model=ProductPage)
async def list_products(
    user_id: Annotated[UUID, Depends(_user)],
    session: Annotated[AsyncSession, Depends(_session)],
    page: Annotated[int, Query(ge=1)] = 1,
    page_size: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Any:
    """List the caller's products, newest first."""
    mine = select(OwnProduct).where(OwnProduct.user_id == user_id)
    total = await session.scalar(select(func.count()).select_from(mine.subquery())) or 0
    in_order = mine.order_by(OwnProduct.created_at.desc(), OwnProduct.id.desc())
    found = await session.scalars(
        in_order.limit(page_size).offset((page - 1) * page_size).options(selectinload(OwnProduct.images))
    )
    return {
        "items": found.all(),
        "total": total,
        "page": page,
        "page_size": page_size,
        "pages": math.ceil(total / page_size),
    }
