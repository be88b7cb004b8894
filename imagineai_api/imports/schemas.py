"""Imports as JSON."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StringConstraints, model_validator

from imagineai_api.documentation.examples import (
    CREATED_AT,
    ENDED_AT,
    FLOW_RUN_ID,
    IMAGE_ID,
    PRODUCT_ID,
    STARTED_AT,
    USER_ID,
    shown,
)
from imagineai_api.errors import Invalid
from imagineai_api.imports.rows import plain_path
from imagineai_api.texts import Storable
from imagineai_api.uploads.schemas import whole_number

IMPORT_ID = "29d0e1f2-0314-4678-8def-789012345678"
WISH = {"filename": "products.zip", "file_size_bytes": 734003200}
KEY = f"imports/{USER_ID}/{IMPORT_ID}/products.zip"
IMPORT = {
    "id": IMPORT_ID,
    "kind": "zip",
    "name": "products.zip",
    "status": "processing",
    "total_rows": 1200,
    "imported_rows": 640,
    "skipped_rows": 12,
    "failed_rows": 1,
    "error_message": None,
    "flow_run_id": FLOW_RUN_ID,
    "created_at": CREATED_AT,
    "started_at": STARTED_AT,
    "completed_at": None,
}
NEW = {
    **IMPORT,
    "status": "pending",
    "total_rows": None,
    "imported_rows": 0,
    "skipped_rows": 0,
    "failed_rows": 0,
    "flow_run_id": None,
    "started_at": None,
}
QUEUED = {**NEW, "status": "queued"}
CANCELLED = {**IMPORT, "status": "cancelled", "completed_at": ENDED_AT}
ROW = {
    "number": 17,
    "key": "MUG-17",
    "title": "Blue mug",
    "image": "mugs/blue.jpg",
    "status": "failed",
    "reason": "The archive has no such file.",
    "product_id": None,
    "image_id": None,
}
ONE_OF_BOTH = "name a file with its size, or a prefix"


class ImportStatus(StrEnum):
    """Where an import stands; ``pending`` waits for its file, and to be started."""

    PENDING = "pending"
    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ImportRowStatus(StrEnum):
    """What became of a row."""

    WAITING = "waiting"
    IMPORTED = "imported"
    SKIPPED = "skipped"
    FAILED = "failed"


def _prefix(value: str) -> str:
    """Hold a prefix to what leads below the user's own folder."""
    if value.strip("/"):
        try:
            plain_path(value.removesuffix("/"))
        except Invalid as error:
            raise ValueError("must be a plain path below your folder, such as spring/") from error
    elif value:
        raise ValueError("must not begin with a slash")
    return value


Prefix = Annotated[Storable, StringConstraints(max_length=500), AfterValidator(_prefix)]
Named = StringConstraints(min_length=5, max_length=255, pattern=r"\.([cC][sS][vV]|[zZ][iI][pP])$")
FileName = Annotated[Storable, Named]


class ImportCreate(BaseModel):
    """A CSV or a zip to come, or the objects below a prefix of the caller's folder in S3."""

    model_config = shown(WISH)

    filename: FileName | None = None
    file_size_bytes: Annotated[int, BeforeValidator(whole_number), Field(ge=1)] | None = None
    prefix: Prefix | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "ImportCreate":
        file = (self.filename is not None, self.file_size_bytes is not None)
        if file not in {(True, True), (False, False)} or all(file) == (self.prefix is not None):
            raise ValueError(ONE_OF_BOTH)
        return self


class ImportResponse(BaseModel):
    """An import; ``total_rows`` is null until all of its rows have been read."""

    model_config = shown(IMPORT)

    id: UUID
    kind: str
    name: str
    status: ImportStatus
    total_rows: int | None
    imported_rows: int
    skipped_rows: int
    failed_rows: int
    error_message: str | None
    flow_run_id: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


class NewImportResponse(ImportResponse):
    """A new import, and where to PUT its file with exactly that type and length; null for a prefix."""

    model_config = shown(
        {
            **NEW,
            "upload_url": f"https://s3.amazonaws.com/imagineai-images/{KEY}?X-Amz-Expires=3600&X-Amz-Signature=0f3c",
            "content_type": "application/zip",
            "expires_in": 3600,
        }
    )

    upload_url: str | None
    content_type: str | None
    expires_in: int | None


class ImportPage(BaseModel):
    """A page of imports, newest first."""

    model_config = shown({"items": [IMPORT], "total": 1, "page": 1, "page_size": 20, "pages": 1})

    items: list[ImportResponse]
    total: int
    page: int
    page_size: int
    pages: int


class ImportRowResponse(BaseModel):
    """A row: in a CSV numbered as a spreadsheet does, the header being row 1; ``reason`` is a sentence."""

    model_config = shown(ROW)

    number: int
    key: str | None
    title: str
    image: str
    status: ImportRowStatus
    reason: str | None
    product_id: UUID | None
    image_id: UUID | None


class ImportRowPage(BaseModel):
    """A page of an import's rows, by their numbers."""

    model_config = shown(
        {
            "items": [ROW, {**ROW, "number": 18, "status": "imported", "reason": None,
                            "product_id": PRODUCT_ID, "image_id": IMAGE_ID}],
            "total": 2, "page": 1, "page_size": 20, "pages": 1,
        }
    )  # fmt: skip

    items: list[ImportRowResponse]
    total: int
    page: int
    page_size: int
    pages: int
