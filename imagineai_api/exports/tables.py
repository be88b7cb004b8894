"""What can be exported: three flat tables, each a statement over a page of products."""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, Uuid, any_, bindparam, cast, func, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by
from sqlalchemy.types import TypeEngine

from imagineai_api import ownership
from imagineai_api.ownership import WHOEVER_ASKS
from imagineai_api.statements import Column, Prepared
from imagineai_api.tables import Analysis, DetectedDefect, ExtractedAttribute, Product, ProductImage

SEPARATOR: ColumnElement[str] = literal_column("'; '")
"""Between the values of one attribute, such as two colours."""
ATTRIBUTES = ("color", "material", "pattern", "condition")
NEWEST_FIRST = (Product.created_at.desc(), Product.id.desc())
ON_THE_PAGE = Product.id == any_(bindparam("product_ids", type_=ARRAY(Uuid())))


class Exported(StrEnum):
    """What can be exported: a row a product, an analysed image, a defect."""

    PRODUCTS = "products"
    ANALYSES = "analyses"
    DEFECTS = "defects"


@cache
def column_types(table: Exported) -> dict[str, TypeEngine[Any]]:
    """The table's columns in their order, and what each holds."""
    return {name: column.type for name, column in _columns(table).items()}


@cache
def rows_of(table: Exported) -> Prepared:
    """The statement that reads the rows of the products named by ``product_ids``."""
    return Prepared(_SELECTS[table]().where(ON_THE_PAGE))


def _columns(table: Exported) -> Mapping[str, Column]:
    return dict(_SELECTS[table]().selected_columns.items())


def _products() -> Select[Any]:
    """A row a product."""
    images = select(func.count()).where(ProductImage.product_id == Product.id).correlate(Product)
    return ownership.products(
        WHOEVER_ASKS,
        Product.id.label("product_id"),
        Product.title,
        Product.description,
        Product.category,
        Product.subcategory,
        Product.status,
        Product.ai_description,
        images.scalar_subquery().label("images"),
        Product.created_at,
        Product.updated_at,
    ).order_by(*NEWEST_FIRST)


def _analyses() -> Select[Any]:
    """A row an image."""
    return ownership.analyses(
        WHOEVER_ASKS,
        *_of_the_image(),
        ProductImage.width.label("image_width"),
        ProductImage.height.label("image_height"),
        Analysis.status,
        Analysis.classification_label,
        Analysis.classification_confidence,
        Analysis.category,
        Analysis.subcategory,
        *(_attribute(name) for name in ATTRIBUTES),
        Analysis.defect_score,
        Analysis.defects,
        Analysis.description_text,
        Analysis.description_model,
        Analysis.model_version,
        Analysis.processing_time_ms,
        Analysis.error_message,
        Analysis.updated_at,
    ).order_by(*NEWEST_FIRST, ProductImage.created_at, ProductImage.id)


def _defects() -> Select[Any]:
    """A row a defect; its box in pixels of the upright image."""
    box = DetectedDefect.bounding_box
    found = ownership.analyses(
        WHOEVER_ASKS,
        *_of_the_image(),
        DetectedDefect.defect_type,
        DetectedDefect.severity,
        DetectedDefect.confidence,
        *(box[side].as_integer().label(side) for side in ("x", "y", "width", "height")),
        DetectedDefect.description,
    ).join(DetectedDefect, DetectedDefect.analysis_id == Analysis.id)
    return found.order_by(*NEWEST_FIRST, ProductImage.created_at, ProductImage.id, DetectedDefect.position)


def _of_the_image() -> tuple[Column, ...]:
    return (
        Product.id.label("product_id"),
        Product.title.label("product_title"),
        ProductImage.id.label("image_id"),
        ProductImage.original_filename,
    )


def _attribute(name: str) -> Column:
    """All values of one attribute, the surest first, as one text; null where there is none."""
    in_order = aggregate_order_by(SEPARATOR, ExtractedAttribute.position)
    values = select(cast(func.string_agg(ExtractedAttribute.attribute_value, in_order), Text))
    of_this = values.where(
        ExtractedAttribute.analysis_id == Analysis.id, ExtractedAttribute.attribute_name == name
    )
    return of_this.correlate(Analysis).scalar_subquery().label(name)


_SELECTS = {Exported.PRODUCTS: _products, Exported.ANALYSES: _analyses, Exported.DEFECTS: _defects}
