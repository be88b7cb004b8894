"""The image that an upload becomes: its row, its object's key, and its job."""

import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api.analysis import service as analyses
from imagineai_api.jobs import service as jobs
from imagineai_api.storage import StoredObject
from imagineai_vision.picture import PictureFacts

SAFE_NAME_LENGTH = 80
# A product's first image is its primary one.
INSERT_IMAGE = text("""
INSERT INTO product_images (
    id, product_id, s3_key, original_filename, content_type, file_size_bytes, width, height,
    is_primary, upload_status, etag, upload_job_id, import_key, created_at
) VALUES (
    :id, :product_id, :s3_key, :original_filename, :content_type, :file_size_bytes, :width, :height,
    NOT EXISTS (SELECT FROM product_images WHERE product_id = :product_id AND is_primary),
    :upload_status, :etag, :upload_job_id, :import_key, clock_timestamp()
)
""")


@dataclass(frozen=True)
class Upload:
    """A file as it was sent.

    Attributes:
        import_key: What later imports know it by, where an import brings it.
    """

    product_id: UUID
    filename: str
    content_type: str
    data: bytes
    import_key: str | None = None
    image_id: UUID = field(default_factory=uuid4)
    job_id: UUID = field(default_factory=uuid4)


@dataclass(frozen=True)
class Started:
    """An accepted image and its job."""

    image_id: UUID
    job_id: UUID


@dataclass(frozen=True)
class Accepted:
    """What an image is accepted as: proven, stored, and with a job of its own."""

    facts: PictureFacts
    stored: StoredObject
    job_id: UUID


async def insert(
    connection: AsyncConnection, upload: Upload, key: str, size_bytes: int, accepted: Accepted | None
) -> None:
    """Write an image's row; one that is not accepted yet waits for its bytes."""
    image = {
        "id": upload.image_id,
        "product_id": upload.product_id,
        "s3_key": key,
        "original_filename": upload.filename,
        "content_type": upload.content_type,
        "file_size_bytes": size_bytes,
        "import_key": upload.import_key,
        **values(accepted),
    }
    await connection.execute(INSERT_IMAGE, image)


def values(accepted: Accepted | None) -> dict[str, Any]:
    """Return what acceptance says in an image's row."""
    if accepted is None:
        return {
            "width": None,
            "height": None,
            "etag": None,
            "upload_job_id": None,
            "upload_status": "pending",
        }
    return {
        "width": accepted.facts.width,
        "height": accepted.facts.height,
        "etag": accepted.stored.etag,
        "upload_job_id": accepted.job_id,
        "upload_status": "uploaded",
    }


async def start(
    connection: AsyncConnection,
    user_id: UUID,
    product_id: UUID,
    image_id: UUID,
    accepted: Accepted,
    request_id: str | None,
) -> Started:
    """Start the job of an accepted image, under the id it was accepted with."""
    await analyses.expect(connection, image_id)
    await jobs.start(
        connection,
        user_id=user_id,
        product_id=product_id,
        image_ids=[image_id],
        job_type="single",
        request_id=request_id,
        job_id=accepted.job_id,
    )
    return Started(image_id, accepted.job_id)


def key_of(user_id: UUID, upload: Upload) -> str:
    """Return the key of an upload's object: owner, product, image, and a safe form of the name."""
    return f"products/{user_id}/{upload.product_id}/{upload.image_id}_{safe_name(upload.filename)}"


def safe_name(filename: str) -> str:
    """Make a name of plain letters, digits, dots, dashes and underscores; never empty, never a path."""
    ascii_name = unicodedata.normalize("NFKD", PurePath(filename.replace("\\", "/")).name)
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", ascii_name.encode("ascii", "ignore").decode())
    return plain.strip("._")[-SAFE_NAME_LENGTH:] or "image"
