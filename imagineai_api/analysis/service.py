"""What was found in pictures: read, written by flows, asked for again."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, delete, func, insert, literal, select, text, update
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api import ownership
from imagineai_api.analysis.description import Description
from imagineai_api.errors import Conflict, NotFound
from imagineai_api.jobs import service as jobs
from imagineai_api.tables import Analysis, DetectedDefect, ExtractedAttribute, ProductImage
from imagineai_vision.findings import Attribute, Defect, Prediction

NO_ANALYSIS = "There is no analysis of such an image."
ON_ITS_WAY = "An analysis of this image is on its way."

EXPECT = upsert(Analysis).on_conflict_do_nothing()
WRITE = text("""
UPDATE analyses
SET model_version = found.model_version, classification_label = found.label,
    classification_confidence = found.confidence, classification_scores = found.scores,
    category = found.category, subcategory = found.subcategory, defect_score = found.defect_score,
    defects = found.defects,
    description_text = found.description, description_model = found.description_model,
    processing_time_ms = found.processing_time_ms,
    status = 'completed', error_message = NULL, updated_at = now()
FROM jsonb_to_recordset(CAST(:found AS jsonb))
    AS found(image_id uuid, model_version text, label text, confidence float8, scores jsonb, category text,
             subcategory text, defect_score float8, defects int, description text, description_model text,
             processing_time_ms int)
WHERE product_image_id = found.image_id
RETURNING analyses.id, product_image_id
""")

# Of several images of one product, the last one describes it; products are held in one order for everybody.
DESCRIBE = text("""
WITH said AS (
    SELECT DISTINCT ON (product_id) product_id, said.*
    FROM jsonb_to_recordset(CAST(:said AS jsonb))
        AS said(image_id uuid, position int, description text, category text, subcategory text)
    JOIN product_images ON product_images.id = said.image_id
    ORDER BY product_id, position DESC
), held AS MATERIALIZED (
    SELECT id FROM products WHERE id IN (SELECT product_id FROM said) ORDER BY id FOR NO KEY UPDATE
)
UPDATE products
SET ai_description = said.description,
    category = CASE WHEN category_is_users THEN products.category ELSE said.category END,
    subcategory = CASE WHEN category_is_users AND products.category <> said.category THEN products.subcategory
                       ELSE said.subcategory END,
    status = CASE WHEN products.status = 'processing' THEN 'active' ELSE products.status END,
    updated_at = now()
FROM said JOIN held ON held.id = said.product_id
WHERE products.id = held.id
""")


async def expect(connection: AsyncConnection, image_id: UUID) -> None:
    """Write the row that an uploaded image has from the start: pending."""
    await connection.execute(EXPECT, {"product_image_id": image_id})


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


@dataclass(frozen=True)
class Result:
    """What was found in one image, by what, and how long it took."""

    image_id: UUID
    prediction: Prediction
    model_version: str
    description: Description
    processing_time_ms: int


async def write(connection: AsyncConnection, results: Sequence[Result]) -> None:
    """Store what was found in some images, in place of what was there."""
    if not results:
        return
    found = json.dumps([_row(result) for result in results])
    written = (await connection.execute(WRITE, {"found": found})).all()
    ids = {row.product_image_id: row.id for row in written}
    for table in (ExtractedAttribute, DetectedDefect):
        await connection.execute(delete(table).where(table.analysis_id.in_(ids.values())))
    kept = [(ids[result.image_id], result.prediction) for result in results if result.image_id in ids]
    attributes = [row for analysis_id, found in kept for row in _attributes(analysis_id, found)]
    defects = [row for analysis_id, found in kept for row in _defects(analysis_id, found)]
    if attributes:
        await connection.execute(insert(ExtractedAttribute), attributes)
    if defects:
        await connection.execute(insert(DetectedDefect), defects)
    await _describe_products(connection, results)


def attribute_fields(found: Attribute) -> dict[str, Any]:
    """Name what is known of an attribute as its row and the reference do."""
    return {"attribute_name": found.name, "attribute_value": found.value, "confidence": found.confidence}


def defect_fields(found: Defect) -> dict[str, Any]:
    """Name what is known of a defect as its row and the reference do."""
    return {
        "defect_type": found.type,
        "severity": found.severity,
        "confidence": found.confidence,
        "bounding_box": asdict(found.box),
        "description": found.description,
    }


def _row(result: Result) -> dict[str, Any]:
    found = result.prediction
    return {
        "image_id": str(result.image_id),
        "model_version": result.model_version,
        "label": found.label,
        "confidence": found.confidence,
        "scores": found.scores,
        "category": found.category,
        "subcategory": found.subcategory,
        "defect_score": found.defect_score,
        "defects": len(found.defects),
        "description": result.description.text,
        "description_model": result.description.model,
        "processing_time_ms": result.processing_time_ms,
    }


def _attributes(analysis_id: UUID, found: Prediction) -> list[dict[str, Any]]:
    return [
        {
            "id": uuid4(),
            "analysis_id": analysis_id,
            "position": position,
            **attribute_fields(attribute),
        }
        for position, attribute in enumerate(found.attributes)
    ]


def _defects(analysis_id: UUID, found: Prediction) -> list[dict[str, Any]]:
    return [
        {
            "id": uuid4(),
            "analysis_id": analysis_id,
            "position": position,
            **defect_fields(defect),
        }
        for position, defect in enumerate(found.defects)
    ]


async def _describe_products(connection: AsyncConnection, results: Sequence[Result]) -> None:
    """Make the products active and say what they are, where their users have not said so."""
    said = [
        {
            "image_id": str(result.image_id),
            "position": position,
            "description": result.description.text,
            "category": result.prediction.category,
            "subcategory": result.prediction.subcategory,
        }
        for position, result in enumerate(results)
    ]
    await connection.execute(DESCRIBE, {"said": json.dumps(said)})


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
