"""Analyse a picture at once, or upload a folder of them."""

import argparse
import json
import time
from pathlib import Path

from rich.console import Console

from imagineai_client import progress, report
from imagineai_client.client import Client
from imagineai_client.errors import ImagineAIError
from imagineai_client.uploading import WORKERS, Uploading, pictures_of, product_named
from imagineai_client.verbs import service
from imagineai_client.verbs.adding import Verbs

HOUR_S = 3600.0


def add(verbs: Verbs) -> None:
    """Add the verbs of this module."""
    verb = verbs.add("analyze", analyze, "say what is in pictures; the service keeps nothing of them")
    service.add_url(verb)
    verb.add_argument("pictures", nargs="+", type=Path, metavar="PICTURE")
    verb.add_argument("--json", action="store_true", help="the service's answers, one line a picture")
    verb = verbs.add("upload", upload, "upload pictures of a product, or folders of them, and analyse them")
    service.add_url(verb)
    verb.add_argument("pictures", nargs="+", type=Path, metavar="PATH")
    verb.add_argument("--product", required=True, help="its id, or its title; it is made where there is none")
    verb.add_argument(
        "--workers", type=int, default=WORKERS, help="pictures at a time; by default %(default)s"
    )


def analyze(chosen: argparse.Namespace, console: Console) -> int:
    """Print what is in each picture."""
    with service.logged_in(chosen) as client:
        for path in pictures_of(chosen.pictures):
            _analyze(client, path, console, as_json=chosen.json)
    return 0


def _analyze(client: Client, path: Path, console: Console, *, as_json: bool) -> None:
    began = time.perf_counter()
    findings = client.analyze(path)
    elapsed_ms = (time.perf_counter() - began) * 1000
    if as_json:
        told = {"file": str(path)} | findings.as_dict()
        report.show_line(json.dumps(told), console)
    else:
        report.show_line(f"\n{path}", console, "bold")
        report.show_findings(findings, elapsed_ms, console)


def upload(chosen: argparse.Namespace, console: Console) -> int:
    """Take each picture the whole way; what the product has already is passed over."""
    paths = pictures_of(chosen.pictures)
    with service.logged_in(chosen, patience_s=HOUR_S) as client:
        product = product_named(client, chosen.product)
        uploading = Uploading(client, product, chosen.workers)
        outcomes = progress.show_uploads(uploading.outcomes(paths), len(paths), console)
    failed = [outcome for outcome in outcomes if outcome.kind == "failed"]
    if failed:
        raise ImagineAIError(f"{len(failed)} of {len(paths)} pictures failed.")
    return 0
