"""What Prefect's UI shows of an import: how far it is, and in the end what became of its rows."""

from uuid import UUID

from prefect.artifacts import (
    acreate_markdown_artifact,
    acreate_progress_artifact,
    aupdate_progress_artifact,
)
from sqlalchemy import Row as Record
from sqlalchemy import select

from flows.display import cell, display
from flows.workplace import Workplace
from imagineai_api.import_tables import Import, ImportRow
from imagineai_api.imports.progress import Work

SHOWN_FAILURES = 100


class ImportDisplay:
    """Artifacts of one run of an import."""

    def __init__(self, place: Workplace, work: Work) -> None:
        self._database, self._work = place.database, work
        self._shown: UUID | None = None
        self._told = 0

    async def begin(self) -> None:
        """Show that nothing is done yet."""
        async with display():
            key = f"import-{self._work.id}"
            self._shown = await acreate_progress_artifact(0.0, key=key, description="Rows done")

    async def update(self) -> None:
        """Show how far it is, at every percent."""
        found = await self._read()
        if self._shown is None or found is None or not found.total_rows:
            return
        done = found.imported_rows + found.skipped_rows + found.failed_rows
        percent = done * 100 // found.total_rows
        if percent > self._told:
            self._told = percent
            async with display():
                await aupdate_progress_artifact(self._shown, float(percent))

    async def end(self) -> str:
        """Show counts, and the rows that failed with their reasons; gives the counts in words."""
        await self.update()
        found = await self._read()
        if found is None:
            return "The import was deleted."
        counts = (
            f"{found.imported_rows} imported, {found.skipped_rows} known already, {found.failed_rows} failed"
        )
        said = f"{found.name or '/'}: {found.status}, {counts}. {found.error_message or ''}".strip()
        async with display():
            key = f"import-{self._work.id}-summary"
            await acreate_markdown_artifact(f"# {said}\n\n{await self._failures()}", key=key)
        return said

    async def _read(self) -> Record[int | None, int, int, int, str, str, str | None] | None:
        columns = (
            Import.total_rows,
            Import.imported_rows,
            Import.skipped_rows,
            Import.failed_rows,
            Import.status,
            Import.name,
            Import.error_message,
        )
        async with self._database.reading() as connection:
            query = select(*columns).where(Import.id == self._work.id)
            return (await connection.execute(query)).one_or_none()

    async def _failures(self) -> str:
        failed = (
            select(ImportRow.number, ImportRow.title, ImportRow.image, ImportRow.reason)
            .where(ImportRow.import_id == self._work.id, ImportRow.status == "failed")
            .order_by(ImportRow.number)
            .limit(SHOWN_FAILURES)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(failed)).all()
        lines = ["| " + " | ".join(cell(value) for value in row) + " |" for row in rows]
        return "\n".join(["| row | title | image | why it failed |", "|---|---|---|---|", *lines])
