"""What was found in pictures: read, written by flows, asked for again."""

from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, case, delete, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api import ownership
from imagineai_api.errors import Conflict, NotFound
from imagineai_api.jobs import service as jobs
from imagineai_api.tables import Analysis, DetectedDefect, ExtractedAttribute, Product, ProductImage
from imagineai_vision.findings import Prediction

NO_ANALYSIS = "There is no analysis of such an image."
ON_ITS_WAY = "An analysis of this image is on its way."


async def expect(connection: AsyncConnection, image_id: UUID) -> None:
    """Write the row that an uploaded image has from the start: pending."""
    await connection.execute(upsert(Analysis).values(product_image_id=image_id).on_conflict_do_nothing())


async def get(connection: AsyncConnection, user_id: UUID, image_id: UUID) -> dict[str, Any]:
    """Read the analysis of one of a user's images.

    Raises:
        NotFound: There is none, or the image is somebody else's.
    """
    query = ownership.analyses(user_id, *_everything()).where(Analysis.product_image_id == image_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise NotFound(NO_ANALYSIS)
    return dict(row)


async def of_product(connection: AsyncConnection, user_id: UUID, product_id: UUID) -> list[dict[str, Any]]:
    """Read the analyses of the images of one of a user's products, in the order of the images."""
    query = (
        ownership.analyses(user_id, *_everything())
        .where(ProductImage.product_id == product_id)
        .order_by(ProductImage.created_at, ProductImage.id)
    )
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def retry(
    connection: AsyncConnection, user_id: UUID, image_id: UUID, *, request_id: str | None
) -> UUID:
    """Queue an analysis again; gives the job.

    Raises:
        NotFound: There is no analysis, or the image is somebody else's.
        Conflict: A run is on its way.
    """
    of_image = Analysis.product_image_id == image_id
    product_id = await connection.scalar(ownership.analyses(user_id, ProductImage.product_id).where(of_image))
    if product_id is None or not await jobs.hold_product(connection, user_id, product_id):
        raise NotFound(NO_ANALYSIS)
    # The analysis is not waited for: a worker that holds it waits for the product.
    if await jobs.is_on_its_way(connection, image_id):
        raise Conflict(ON_ITS_WAY)
    await connection.execute(
        update(Analysis).where(of_image).values(status="pending", error_message=None, updated_at=func.now())
    )
    return await jobs.start(
        connection,
        user_id=user_id,
        product_id=product_id,
        image_ids=[image_id],
        job_type="single",
        request_id=request_id,
    )


async def write(
    connection: AsyncConnection,
    image_id: UUID,
    prediction: Prediction,
    *,
    model_version: str,
    description_text: str,
    description_model: str,
    processing_time_ms: int,
) -> None:
    """Store what was found, in place of what was there."""
    written = (
        update(Analysis)
        .where(Analysis.product_image_id == image_id)
        .values(
            model_version=model_version,
            classification_label=prediction.label,
            classification_confidence=prediction.confidence,
            classification_scores=prediction.scores,
            category=prediction.category,
            subcategory=prediction.subcategory,
            defect_score=prediction.defect_score,
            description_text=description_text,
            description_model=description_model,
            processing_time_ms=processing_time_ms,
            status="completed",
            error_message=None,
            updated_at=func.now(),
        )
        .returning(Analysis.id)
    )
    analysis_id = (await connection.execute(written)).scalar_one()
    await _replace_findings(connection, analysis_id, prediction)
    await _describe_product(connection, image_id, prediction, description_text)


async def _replace_findings(connection: AsyncConnection, analysis_id: UUID, prediction: Prediction) -> None:
    await connection.execute(delete(ExtractedAttribute).where(ExtractedAttribute.analysis_id == analysis_id))
    await connection.execute(delete(DetectedDefect).where(DetectedDefect.analysis_id == analysis_id))
    attributes = [
        {
            "id": uuid4(),
            "analysis_id": analysis_id,
            "position": position,
            "attribute_name": attribute.name,
            "attribute_value": attribute.value,
            "confidence": attribute.confidence,
        }
        for position, attribute in enumerate(prediction.attributes)
    ]
    defects = [
        {
            "id": uuid4(),
            "analysis_id": analysis_id,
            "position": position,
            "defect_type": defect.type,
            "severity": defect.severity,
            "confidence": defect.confidence,
            "bounding_box": {
                "x": defect.box.x,
                "y": defect.box.y,
                "width": defect.box.width,
                "height": defect.box.height,
            },
            "description": defect.description,
        }
        for position, defect in enumerate(prediction.defects)
    ]
    if attributes:
        await connection.execute(insert(ExtractedAttribute), attributes)
    if defects:
        await connection.execute(insert(DetectedDefect), defects)


async def _describe_product(
    connection: AsyncConnection, image_id: UUID, prediction: Prediction, description: str
) -> None:
    """Make the product active and say what it is, where its user has not said so."""
    is_users = Product.category_is_users
    product_id = select(ProductImage.product_id).where(ProductImage.id == image_id).scalar_subquery()
    await connection.execute(
        update(Product)
        .where(Product.id == product_id)
        .values(
            ai_description=description,
            category=case((is_users, Product.category), else_=prediction.category),
            subcategory=case((is_users, Product.subcategory), else_=prediction.subcategory),
            status=case((Product.status == "processing", "active"), else_=Product.status),
            updated_at=func.now(),
        )
    )


def _everything() -> tuple[Any, ...]:
    """An analysis with all that was found, so that one statement reads any number of them."""
    return (
        Analysis.__table__,
        _found(ExtractedAttribute).label("extracted_attributes"),
        _found(DetectedDefect).label("detected_defects"),
    )


def _found(table: type[ExtractedAttribute | DetectedDefect]) -> ColumnElement[Any]:
    pairs = (part for column in table.__table__.columns for part in (literal(column.name), column))
    in_order = aggregate_order_by(func.jsonb_build_object(*pairs), table.position)
    rows = select(func.coalesce(func.jsonb_agg(in_order), literal([], JSONB)))
    return rows.where(table.analysis_id == Analysis.id).correlate(Analysis).scalar_subquery()
