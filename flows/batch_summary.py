"""What a batch came to, as its run's summary in Prefect."""

from typing import Any
from uuid import UUID

from prefect.artifacts import acreate_markdown_artifact
from sqlalchemy import func, select

from flows.display import display
from flows.workplace import Workplace
from imagineai_api.tables import Job, JobImage, Product


async def show_summary(place: Workplace, job_id: UUID, seconds: float) -> str:
    """Write counts, failures with their reasons and the throughput; gives what was written, as Markdown."""
    by_status = select(JobImage.status, JobImage.error_message, func.count()).where(JobImage.job_id == job_id)
    grouped = by_status.group_by(JobImage.status, JobImage.error_message).order_by(JobImage.status)
    title = select(Job.status, Product.title).outerjoin(Product, Product.id == Job.product_id)
    async with place.database.reading() as connection:
        rows = (await connection.execute(grouped)).all()
        job = (await connection.execute(title.where(Job.id == job_id))).one_or_none()
    summary = _table(rows, seconds)
    said = "The job was deleted" if job is None else f"{job.title or 'A deleted product'}: {job.status}"
    async with display():
        await acreate_markdown_artifact(f"# {said}\n\n{summary}", key=f"batch-{job_id}-summary")
    return summary


def _table(rows: Any, seconds: float) -> str:
    done = sum(count for status, _, count in rows if status == "completed")
    lines = [f"| {status} | {count} | {error or ''} |" for status, error, count in rows]
    rate = f"{done / seconds:.1f} images a second, {seconds:.1f} s in this run"
    return "\n".join(["| images | count | reason |", "|---|---|---|", *lines, "", rate])
