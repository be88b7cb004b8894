"""Imports in the database: a file or a folder in S3, and its rows with what became of each."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from imagineai_api.tables import Table, one_of, owned_by, primary_key, stamped

IMPORT_KINDS = ("csv", "zip", "prefix")
IMPORT_STATUSES = ("pending", "queued", "processing", "completed", "failed", "cancelled")
IMPORT_ROW_STATUSES = ("waiting", "imported", "skipped", "failed")


class Import(Table):
    """Many pictures at once; worked on by one run at a time, by a lease with a fencing token."""

    __tablename__ = "imports"
    __table_args__ = (
        one_of("kind", IMPORT_KINDS),
        one_of("status", IMPORT_STATUSES),
        Index("ix_imports_newest", "user_id", text("created_at DESC"), text("id DESC")),
        Index("ix_imports_open", "updated_at", postgresql_where=text("status IN ('queued', 'processing')")),
        Index("ix_imports_completed_at", "completed_at"),
    )

    id: Mapped[UUID] = primary_key()
    user_id: Mapped[UUID] = owned_by("users.id")
    kind: Mapped[str]
    name: Mapped[str]
    """The file's name, or the prefix below the user's folder."""
    status: Mapped[str] = mapped_column(server_default="pending")
    source_key: Mapped[str | None]
    """Where the file lies, as long as it is kept."""
    source_etag: Mapped[str | None]
    source_bytes: Mapped[int | None] = mapped_column(BigInteger)
    starts: Mapped[int] = mapped_column(server_default="0")
    """How often the user has started it: each start has a run of its own."""
    attempts: Mapped[int] = mapped_column(server_default="0")
    """Runs that began since the last row that was done."""
    flow_run_id: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    lease_token: Mapped[int | None] = mapped_column(BigInteger)
    total_rows: Mapped[int | None]
    """Null until all rows have been read."""
    imported_rows: Mapped[int] = mapped_column(server_default="0")
    skipped_rows: Mapped[int] = mapped_column(server_default="0")
    failed_rows: Mapped[int] = mapped_column(server_default="0")
    """Counted in the transactions that decide the rows."""
    error_message: Mapped[str | None]
    request_id: Mapped[str | None]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = stamped()
    updated_at: Mapped[datetime] = stamped()


class ImportRow(Table):
    """One picture of an import, and what became of it."""

    __tablename__ = "import_rows"
    __table_args__ = (
        one_of("status", IMPORT_ROW_STATUSES),
        Index("ix_import_rows_status", "import_id", "status", "number"),
    )

    import_id: Mapped[UUID] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    key: Mapped[str | None]
    title: Mapped[str]
    description: Mapped[str | None]
    category: Mapped[str | None]
    image: Mapped[str]
    """The picture's path: in the archive, or below the user's folder in S3."""
    product_key: Mapped[str]
    image_key: Mapped[str]
    """What product and picture are known by in later imports."""
    status: Mapped[str] = mapped_column(server_default="waiting")
    reason: Mapped[str | None]
    """Why it was skipped, or failed, in a sentence."""
    product_id: Mapped[UUID | None]
    image_id: Mapped[UUID | None]
    job_id: Mapped[UUID | None]
    """No foreign keys: what was imported may be deleted, the row still says that it was."""
