"""Follow jobs, start batches, retry and cancel."""

import argparse

from rich.console import Console
from rich.table import Table

from imagineai_client import progress
from imagineai_client.answers import Job
from imagineai_client.client import Client
from imagineai_client.errors import ImagineAIError
from imagineai_client.report import show_line
from imagineai_client.uploading import existing_product
from imagineai_client.verbs import service
from imagineai_client.verbs.adding import Verbs

ID_WIDTH = 36


def add(verbs: Verbs) -> None:
    """Add the verbs of this module."""
    for name, run, says in (
        ("watch", watch, "follow a job to its end"),
        ("retry", retry, "try the images again that a job has not succeeded with"),
        ("cancel", cancel, "end a job"),
    ):
        verb = verbs.add(name, run, says)
        service.add_url(verb)
        verb.add_argument("job", metavar="JOB", help="its id")
    verb = verbs.add("batch", batch, "analyse all images of a product again, as one job")
    service.add_url(verb)
    verb.add_argument("product", metavar="PRODUCT", help="its id or title")
    verb.add_argument(
        "--no-watch", action="store_true", help="print the job's id and do not wait for its end"
    )
    verb = verbs.add("jobs", jobs, "list the newest jobs")
    service.add_url(verb)
    verb.add_argument("--status", choices=["queued", "processing", "completed", "failed", "cancelled"])


def watch(chosen: argparse.Namespace, console: Console) -> int:
    """Show a job's progress until it ends."""
    with service.logged_in(chosen) as client:
        return _watch(client, client.job(chosen.job), console)


def retry(chosen: argparse.Namespace, console: Console) -> int:
    """Start a new job on what an ended one left, and show its progress."""
    with service.logged_in(chosen) as client:
        return _watch(client, client.retry_job(chosen.job), console)


def cancel(chosen: argparse.Namespace, console: Console) -> int:
    """End a job."""
    with service.logged_in(chosen) as client:
        client.cancel(chosen.job)
        show_line(f"Job {chosen.job} is cancelled", console)
    return 0


def batch(chosen: argparse.Namespace, console: Console) -> int:
    """Analyse all images of one product."""
    with service.logged_in(chosen) as client:
        product = existing_product(client, chosen.product)
        uploaded = [image.id for image in product.images if image.is_uploaded]
        if not uploaded:
            raise ImagineAIError(f"{product.title} has no images.")
        job = client.batch(product.id, uploaded)
        if chosen.no_watch:
            show_line(job.id, console)
            return 0
        return _watch(client, job, console)


def jobs(chosen: argparse.Namespace, console: Console) -> int:
    """List the newest jobs."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("Job", min_width=ID_WIDTH, no_wrap=True)
    for title in ("Kind", "Status", "Images", "Failed", "Since"):
        table.add_column(title)
    with service.logged_in(chosen) as client:
        for job in client.jobs(status=chosen.status).items:
            done = f"{job.processed_images}/{job.total_images}"
            since = f"{job.created_at.astimezone():%Y-%m-%d %H:%M}"
            table.add_row(job.id, job.job_type, job.status, done, str(job.failed_images), since)
    console.print(table)
    return 0


def _watch(client: Client, job: Job, console: Console) -> int:
    """Show a job to its end; 0 only where every image was analysed."""
    show_line(f"Job {job.id}: {job.total_images} images", console)
    progress.show_progress(client.follow(job.id), console, images=job.total_images)
    ended = client.job(job.id)
    progress.show_end(ended, console)
    return 0 if ended.processed_images == ended.total_images else 1
