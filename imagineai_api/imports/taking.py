"""A row becomes a picture of a product, the way an upload does."""

import logging
from collections import Counter
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row as Record
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from imagineai_api import ownership
from imagineai_api.database import Database
from imagineai_api.errors import Conflict, ImagineAIError, NotFound, Superseded, Unavailable
from imagineai_api.imports.progress import Ledger, Work
from imagineai_api.imports.sources import Source
from imagineai_api.products import service as products
from imagineai_api.storage import Storage
from imagineai_api.tables import Product
from imagineai_api.uploads import proof
from imagineai_api.uploads import service as uploads
from imagineai_api.uploads.images import Upload
from imagineai_vision.picture import PictureFacts

log = logging.getLogger(__name__)

UNEXPECTED = "Importing it met an error that was not expected."
MAX_NAME_LENGTH = 255
MOST_RACES = 5
"""So often a row may meet others that make the same thing at the same moment."""


class Taker:
    """Takes the rows of an import that this run holds."""

    def __init__(
        self, database: Database, storage: Storage, work: Work, source: Source, ledger: Ledger
    ) -> None:
        self._database, self._storage, self._work = database, storage, work
        self._source, self._ledger = source, ledger
        self._races: Counter[int] = Counter()

    async def take(self, row: Record[Any]) -> UUID | None:
        """Make a picture of a row, with its analysis and its job, whose id is given; or note why not.

        Where another import makes the same product or picture at this moment, the row goes on waiting.

        Raises:
            Superseded: The import is no longer ours.
            Conflict: What it is made of is there no longer.
            Unavailable: A part is away; the row goes on waiting.
        """
        try:
            data = await self._source.read(row.image)
            facts = await proof.examine(data)
            return await self._keep(row, data, facts)
        except (Superseded, Conflict, Unavailable):
            raise
        except ImagineAIError as error:
            await self._ledger.refuse(row.number, str(error))
        except Exception:
            log.exception("Row %d of import %s", row.number, self._work.id)
            await self._ledger.refuse(row.number, UNEXPECTED)
        return None

    async def _keep(self, row: Record[Any], data: bytes, facts: PictureFacts) -> UUID | None:
        product_id = await self._product(row.product_key)
        is_new = product_id is None
        name = PurePosixPath(row.image).name[-MAX_NAME_LENGTH:]
        upload = Upload(product_id or uuid4(), name, facts.content_type, data, import_key=row.image_key)

        async def decide(connection: AsyncConnection) -> None:
            made = {"product_id": upload.product_id, "image_id": upload.image_id, "job_id": upload.job_id}
            await self._ledger.note(connection, row.number, "imported", **made)
            if is_new:
                await products.create(connection, self._work.user_id, _fields(row, upload.product_id))

        try:
            started = await uploads.keep(
                self._database,
                self._storage,
                user_id=self._work.user_id,
                upload=upload,
                facts=facts,
                request_id=self._work.request_id,
                first=decide,
            )
        except (IntegrityError, NotFound):
            # Another import has just made the same, or the product was just deleted: look again.
            self._races[row.number] += 1
            if self._races[row.number] < MOST_RACES:
                return None
            raise
        return started.job_id

    async def _product(self, key: str) -> UUID | None:
        query = ownership.products(self._work.user_id, Product.id).where(Product.import_key == key)
        async with self._database.reading() as connection:
            found: UUID | None = await connection.scalar(query)
        return found


def _fields(row: Record[Any], product_id: UUID) -> dict[str, Any]:
    described = {"title": row.title, "description": row.description, "category": row.category}
    return {**described, "id": product_id, "import_key": row.product_key}
