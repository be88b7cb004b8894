"""One picture the whole way: log in, create a product, upload, follow the five steps, show what was found."""

import time
from pathlib import Path

from rich.console import Console

from imagineai_client import configuration, picture, progress, report
from imagineai_client.client import Client
from imagineai_client.errors import Conflict, ImagineAIError, NotAuthenticated

EMAIL, NAME = "demo@example.com", "Demo User"


def run(image: Path | None, console: Console) -> None:
    """Show the whole way of one picture.

    Args:
        image: A picture file; None for one that is rendered here.
        console: Where to show it.

    Raises:
        ImagineAIError: The service is not there, refuses the picture, or the job failed.
    """
    content, name = _picture(image)
    with Client(configuration.value("IMAGINEAI_URL")) as client:
        log_in(client, configuration.value("IMAGINEAI_DEMO_PASSWORD"))
        product = client.create_product(f"Demo: {name}")
        started = time.perf_counter()
        upload = client.upload(product.id, content, filename=name)
        report.show_line(f"Uploaded {name} ({len(content):,} bytes) to {client.url}", console)
        last = progress.show_progress(client.follow(upload.job_id), console)
        elapsed_ms = (time.perf_counter() - started) * 1000
        last.raise_if_failed()
        report.show_findings(client.analysis(upload.image_id), elapsed_ms, console)


def _picture(image: Path | None) -> tuple[bytes, str]:
    if image is None:
        return picture.mug(), "rendered-mug.jpg"
    try:
        return image.read_bytes(), image.name
    except OSError as error:
        raise ImagineAIError(f"{image} cannot be read: {error.strerror}.") from error


def log_in(client: Client, password: str) -> None:
    """Log the demo user in; at the first time there is none yet, so register it."""
    try:
        client.login(EMAIL, password)
    except NotAuthenticated:
        try:
            client.register(EMAIL, password, NAME)
        except Conflict as error:
            raise ImagineAIError(
                f"The demo user {EMAIL} exists with another password than configured."
            ) from error
        client.login(EMAIL, password)
