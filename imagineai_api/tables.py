"""The database: one class a table, its rules as constraints."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Computed,
    DateTime,
    FetchedValue,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Sequence,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from imagineai_vision import vocabulary

ADMIN = "admin"
ROLES = ("user", ADMIN)
PRODUCT_STATUSES = ("draft", "processing", "active", "archived")
UPLOAD_STATUSES = ("pending", "uploaded", "failed")
ANALYSIS_STATUSES = ("pending", "processing", "completed", "failed")
JOB_STATUSES = ("queued", "processing", "completed", "failed", "cancelled")
JOB_TYPES = ("single", "batch")
STEP_STATUSES = ("pending", "running", "completed", "failed", "skipped")
STEPS = vocabulary.STEPS


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    """Hold a text column to a vocabulary."""
    allowed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({allowed})", name=f"{column}_known")


def primary_key() -> Mapped[UUID]:
    """A random UUID made by us."""
    return mapped_column(primary_key=True, default=uuid4)


def stamped() -> Mapped[datetime]:
    """The time of the insert, by the database's clock."""
    return mapped_column(server_default=func.now())


def owned_by(column: str, *, index: bool = False) -> Mapped[UUID]:
    """A foreign key whose row goes with its owner."""
    return mapped_column(ForeignKey(column, ondelete="CASCADE"), index=index)


def of_owner() -> Mapped[UUID]:
    """The product's user, copied by a trigger at the insert: so the row can be counted by itself alone."""
    return mapped_column(server_default=FetchedValue())


def known_by_import_key(table: str) -> Index:
    """An import's key names one thing of a user's."""
    imported = text("import_key IS NOT NULL")
    return Index(f"uq_{table}_import_key", "user_id", "import_key", unique=True, postgresql_where=imported)


class Table(DeclarativeBase):
    """What all tables share: time-stamps with zones, names for every constraint."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own way to declare it
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        str: Text,
        float: Float,
        int: Integer,
        bool: Boolean,
    }


class User(Table):
    """Somebody with a password."""

    __tablename__ = "users"
    __table_args__ = (
        Index("uq_users_email", func.lower(text("email")), unique=True),
        one_of("role", ROLES),
    )

    id: Mapped[UUID] = primary_key()
    email: Mapped[str]
    full_name: Mapped[str]
    password_hash: Mapped[str]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    role: Mapped[str] = mapped_column(server_default="user")
    created_at: Mapped[datetime] = stamped()


class OperatorSession(Table):
    """Somebody signed in at the operators' page; the token itself is known to the browser alone."""

    __tablename__ = "operator_sessions"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = owned_by("users.id", index=True)
    created_at: Mapped[datetime] = stamped()
    used_at: Mapped[datetime] = stamped()


class RefreshToken(Table):
    """One refresh token; its id is the token's jti. All that descend from one login are a family."""

    __tablename__ = "refresh_tokens"

    id: Mapped[UUID] = primary_key()
    user_id: Mapped[UUID] = owned_by("users.id", index=True)
    family: Mapped[UUID] = mapped_column(index=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = stamped()


class Product(Table):
    """What is sold: the owner of pictures."""

    __tablename__ = "products"
    __table_args__ = (
        one_of("status", PRODUCT_STATUSES),
        CheckConstraint("char_length(title) BETWEEN 1 AND 500", name="title_length"),
        CheckConstraint("char_length(category) BETWEEN 1 AND 100", name="category_length"),
        Index("ix_products_newest", "user_id", text("created_at DESC"), text("id DESC")),
        Index("ix_products_category", "user_id", "category", text("created_at DESC"), text("id DESC")),
        # With the owner in it (btree_gin), and without a list of pending entries: what everybody else has
        # and has just written is no part of a search.
        Index(
            "ix_products_search",
            "user_id",
            "search",
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
        ),
        known_by_import_key("products"),
    )

    id: Mapped[UUID] = primary_key()
    user_id: Mapped[UUID] = owned_by("users.id")
    title: Mapped[str]
    description: Mapped[str | None]
    category: Mapped[str | None]
    subcategory: Mapped[str | None]
    category_is_users: Mapped[bool] = mapped_column(server_default=text("false"))
    """True once the user set the category: no model overwrites it then."""
    ai_description: Mapped[str | None]
    status: Mapped[str] = mapped_column(server_default="draft")
    status_before_processing: Mapped[str | None]
    import_key: Mapped[str | None]
    """What imports know it by; null where none has made it."""
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", server_default=text("'{}'"))
    search: Mapped[Any] = mapped_column(
        TSVECTOR,
        Computed(
            "setweight(to_tsvector('english', title), 'A')"
            " || setweight(to_tsvector('english', coalesce(description, '')), 'B')",
            persisted=True,
        ),
    )
    created_at: Mapped[datetime] = stamped()
    updated_at: Mapped[datetime] = stamped()


class ProductImage(Table):
    """One picture of a product; its bytes lie in S3."""

    __tablename__ = "product_images"
    __table_args__ = (
        one_of("upload_status", UPLOAD_STATUSES),
        Index("uq_product_images_primary", "product_id", unique=True, postgresql_where=text("is_primary")),
        Index("ix_product_images_oldest", "product_id", "created_at", "id"),
        Index(
            "ix_product_images_unconfirmed", "created_at", postgresql_where=text("upload_status = 'pending'")
        ),
        known_by_import_key("product_images"),
    )

    id: Mapped[UUID] = primary_key()
    product_id: Mapped[UUID] = owned_by("products.id")
    user_id: Mapped[UUID] = of_owner()
    s3_key: Mapped[str] = mapped_column(unique=True)
    original_filename: Mapped[str]
    content_type: Mapped[str]
    file_size_bytes: Mapped[int]
    width: Mapped[int | None]
    height: Mapped[int | None]
    is_primary: Mapped[bool]
    upload_status: Mapped[str] = mapped_column(server_default="pending")
    etag: Mapped[str | None]
    """The object's ETag when it was accepted; every later read asks for it."""
    upload_job_id: Mapped[UUID | None]
    """The job that the upload started: a second confirm answers it again."""
    import_key: Mapped[str | None]
    """What imports know it by: whatever runs at once or again, a user has it once."""
    created_at: Mapped[datetime] = stamped()


class Analysis(Table):
    """What was found in a picture: one row an image, replaced by every later run."""

    __tablename__ = "analyses"
    __table_args__ = (
        one_of("status", ANALYSIS_STATUSES),
        CheckConstraint("defect_score BETWEEN 0 AND 1", name="defect_score_range"),
    )

    id: Mapped[UUID] = primary_key()
    product_image_id: Mapped[UUID] = mapped_column(
        ForeignKey("product_images.id", ondelete="CASCADE"), unique=True
    )
    user_id: Mapped[UUID] = of_owner()
    model_version: Mapped[str] = mapped_column(server_default="pending")
    classification_label: Mapped[str | None]
    classification_confidence: Mapped[float | None]
    classification_scores: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    category: Mapped[str | None]
    subcategory: Mapped[str | None]
    defect_score: Mapped[float | None]
    defects: Mapped[int] = mapped_column(server_default="0")
    """How many were detected: written together with their rows."""
    description_text: Mapped[str | None]
    description_model: Mapped[str | None]
    processing_time_ms: Mapped[int | None]
    status: Mapped[str] = mapped_column(server_default="pending")
    error_message: Mapped[str | None]
    created_at: Mapped[datetime] = stamped()
    updated_at: Mapped[datetime] = stamped()


class ExtractedAttribute(Table):
    """A colour, a material, a pattern, a condition of a picture."""

    __tablename__ = "extracted_attributes"
    __table_args__ = (
        one_of("attribute_name", vocabulary.ATTRIBUTE_NAMES),
        UniqueConstraint("analysis_id", "attribute_name", "attribute_value"),
        CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence_range"),
    )

    id: Mapped[UUID] = primary_key()
    analysis_id: Mapped[UUID] = owned_by("analyses.id")
    position: Mapped[int]
    attribute_name: Mapped[str]
    attribute_value: Mapped[str]
    confidence: Mapped[float]


class DetectedDefect(Table):
    """A defect with its box, in pixels of the upright stored image."""

    __tablename__ = "detected_defects"
    __table_args__ = (
        one_of("defect_type", vocabulary.DEFECT_TYPES),
        one_of("severity", vocabulary.SEVERITIES),
        CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence_range"),
    )

    id: Mapped[UUID] = primary_key()
    analysis_id: Mapped[UUID] = owned_by("analyses.id", index=True)
    position: Mapped[int]
    defect_type: Mapped[str]
    severity: Mapped[str]
    confidence: Mapped[float]
    bounding_box: Mapped[dict[str, Any]]
    description: Mapped[str]


class Job(Table):
    """A piece of accepted work, the truth of it. Images and steps hang on it and outlive their pictures."""

    __tablename__ = "jobs"
    __table_args__ = (
        one_of("status", JOB_STATUSES),
        one_of("job_type", JOB_TYPES),
        CheckConstraint(
            "(completed_at IS NULL) = (status IN ('queued', 'processing'))", name="ended_jobs_have_an_end"
        ),
        Index("ix_jobs_newest", "user_id", text("created_at DESC"), text("id DESC")),
        Index("ix_jobs_status", "user_id", "status", text("created_at DESC"), text("id DESC")),
        Index("ix_jobs_product", "product_id"),
        Index("ix_jobs_open", "created_at", postgresql_where=text("status IN ('queued', 'processing')")),
        Index("ix_jobs_ended", "completed_at", postgresql_where=text("completed_at IS NOT NULL")),
    )

    id: Mapped[UUID] = primary_key()
    user_id: Mapped[UUID] = owned_by("users.id")
    product_id: Mapped[UUID | None] = mapped_column(ForeignKey("products.id", ondelete="SET NULL"))
    job_type: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="queued")
    total_images: Mapped[int]
    flow_run_id: Mapped[str | None]
    model_version: Mapped[str | None]
    """A batch keeps to the version it began with."""
    request_id: Mapped[str | None]
    traceparent: Mapped[str | None]
    """The span that asked for it, as W3C Trace Context writes it."""
    error_message: Mapped[str | None]
    event_seq: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """The number of the job's newest event."""
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = stamped()
    updated_at: Mapped[datetime] = stamped()


class JobImage(Table):
    """One image of a job: the unit that a worker claims, by a lease with a fencing token."""

    __tablename__ = "job_images"
    __table_args__ = (
        one_of("status", JOB_STATUSES),
        one_of("queue", JOB_TYPES),
        Index(
            "ix_job_images_open",
            "queue",
            "queued_at",
            postgresql_where=text("status IN ('queued', 'processing')"),
        ),
        # At most one single job is on its way for an image, whatever races.
        Index(
            "uq_job_images_single",
            "image_id",
            unique=True,
            postgresql_where=text("queue = 'single' AND status IN ('queued', 'processing')"),
        ),
        Index("ix_job_images_image", "image_id"),
    )

    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    image_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int]
    queue: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="queued")
    attempts: Mapped[int] = mapped_column(server_default="0")
    queued_at: Mapped[datetime] = stamped()
    lease_until: Mapped[datetime | None]
    lease_token: Mapped[int | None] = mapped_column(BigInteger)
    error_message: Mapped[str | None]


lease_tokens = Sequence("lease_tokens", metadata=Table.metadata)


class JobStep(Table):
    """One step of one image, with its measured duration and the number of its newest event."""

    __tablename__ = "job_steps"
    __table_args__ = (
        one_of("step_name", STEPS),
        one_of("status", STEP_STATUSES),
        UniqueConstraint("job_id", "product_image_id", "step_name"),
        Index("ix_job_steps_in_order", "job_id", "image_position", "position"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    job_id: Mapped[UUID] = owned_by("jobs.id")
    product_image_id: Mapped[UUID]
    image_position: Mapped[int]
    position: Mapped[int]
    step_name: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="pending")
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    duration_ms: Mapped[int | None]
    error_message: Mapped[str | None]
    result_data: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    seq: Mapped[int | None] = mapped_column(BigInteger)
    progress_completed: Mapped[int | None]
    """The job's progress at that event, so that a replay says what the live event said."""


class Outbox(Table):
    """What must also happen elsewhere, written in the transaction that decided it, relayed until done."""

    __tablename__ = "outbox"
    __table_args__ = (
        one_of("kind", ("delete_objects", "cancel_flow_run", "start_batch", "start_import")),
        Index("ix_outbox_due", "due_at", postgresql_where=text("done_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=True)
    kind: Mapped[str]
    payload: Mapped[dict[str, Any]]
    attempts: Mapped[int] = mapped_column(server_default="0")
    due_at: Mapped[datetime] = stamped()
    done_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime] = stamped()


class Shift(Table):
    """A run of process-images: ordered by the dispatcher, opened and kept alive by the flow."""

    __tablename__ = "shifts"

    id: Mapped[UUID] = primary_key()
    flow_run_id: Mapped[str | None]
    ordered_at: Mapped[datetime] = stamped()
    opened_at: Mapped[datetime | None]
    heartbeat_at: Mapped[datetime | None]
    closes_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None] = mapped_column(index=True)


class Tally(Table):
    """What has become of a user's numbers, counted by triggers: each is the sum over the user's rows.

    A transaction writes into a row that no other one holds, or into a new one: so nobody waits for a number.
    """

    __tablename__ = "tallies"
    __table_args__ = {"postgresql_with": {"fillfactor": "50"}}  # noqa: RUF012 - SQLAlchemy's own way to declare it

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    user_id: Mapped[UUID] = owned_by("users.id", index=True)
    category: Mapped[str | None]
    """Of the products; null for those without one and for all other numbers."""
    products: Mapped[int] = mapped_column(server_default="0")
    images: Mapped[int] = mapped_column(server_default="0")
    jobs: Mapped[int] = mapped_column(server_default="0")
    completed_analyses: Mapped[int] = mapped_column(server_default="0")
    processing_time_ms: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Of the completed analyses together."""
    defects: Mapped[int] = mapped_column(server_default="0")
