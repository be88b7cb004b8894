"""Bring in many products at once: a CSV with its pictures, a zip, or a folder in S3."""

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from imagineai_client import progress
from imagineai_client.answers import Import
from imagineai_client.client import Client
from imagineai_client.errors import ImagineAIError
from imagineai_client.packing import packed
from imagineai_client.report import show_line
from imagineai_client.verbs import service
from imagineai_client.verbs.adding import Verbs

HOUR_S = 3600.0
MAX_SHOWN = 1000


def add(verbs: Verbs) -> None:
    """Add the verb of this module."""
    verb = verbs.add("import", bring_in, "make products and pictures of a CSV, a zip, or a folder in S3")
    service.add_url(verb)
    source = verb.add_mutually_exclusive_group(required=True)
    source.add_argument("file", nargs="?", type=Path, metavar="FILE", help="a .csv or a .zip")
    source.add_argument("--prefix", help="import what lies below it in your folder in S3; '' is all of it")
    source.add_argument("--resume", metavar="IMPORT", help="go on with an import, by its id")
    verb.add_argument(
        "--images", type=Path, metavar="FOLDER", help="where a CSV's pictures lie; by default beside it"
    )


def bring_in(chosen: argparse.Namespace, console: Console) -> int:
    """Send what is to be imported, and show how it goes on and what became of it."""
    with service.logged_in(chosen, patience_s=HOUR_S) as client:
        begun = _begin(client, chosen, console)
        show_line(f"Import {begun.id}", console)
        done = progress.show_import(client.follow_import(begun.id), console)
        if done.failed_rows:
            _show_failed(client, done, console)
    if done.status != "completed":
        raise ImagineAIError(done.error_message or f"The import is {done.status}.")
    if done.failed_rows:
        raise ImagineAIError(f"{done.failed_rows} of {done.total_rows} rows failed.")
    return 0


def _begin(client: Client, chosen: argparse.Namespace, console: Console) -> Import:
    if chosen.resume is not None:
        return client.start_import(chosen.resume)
    if chosen.prefix is not None:
        return client.import_prefix(chosen.prefix)
    file: Path = chosen.file
    if file.suffix.lower() == ".csv":
        with packed(file, chosen.images) as whole:
            return _send(client, whole, console)
    return _send(client, file, console)


def _send(client: Client, file: Path, console: Console) -> Import:
    with progress.sending(file.stat().st_size, console) as sent:
        return client.import_file(file, sent=sent)


def _show_failed(client: Client, done: Import, console: Console) -> None:
    """Print the rows that failed, and why."""
    table = Table("row", "title", "picture", "why it failed", box=None, pad_edge=False)
    shown, number, pages = 0, 1, 1
    while number <= pages and shown < MAX_SHOWN:
        page = client.import_rows(done.id, status="failed", page=number)
        for row in page.items:
            table.add_row(str(row.number), *map(Text, (row.title, row.image, row.reason or "")))
        shown, number, pages = shown + len(page.items), number + 1, page.pages
    console.print(table)
    if shown < done.failed_rows:
        show_line(f"... and {done.failed_rows - shown} more", console)
