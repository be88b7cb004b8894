"""Everything as a table."""

import argparse
from pathlib import Path
from typing import cast, get_args

from rich.console import Console

from imagineai_client.calls import Format, Table
from imagineai_client.errors import ImagineAIError
from imagineai_client.report import show_line
from imagineai_client.verbs import service
from imagineai_client.verbs.adding import Verbs

FORMATS = get_args(Format)


def add(verbs: Verbs) -> None:
    """Add the verb of this module."""
    verb = verbs.add("export", export, "write all products, analyses or defects into a file")
    service.add_url(verb)
    verb.add_argument("table", choices=get_args(Table))
    verb.add_argument(
        "--output", type=Path, metavar="FILE", help=f"its ending says how: {', '.join(FORMATS)}"
    )


def export(chosen: argparse.Namespace, console: Console) -> int:
    """Write one table into a file, by default as CSV into the current folder."""
    to: Path = chosen.output or Path(f"{chosen.table}.csv")
    written_as = to.suffix.removeprefix(".").lower()
    if written_as not in FORMATS:
        raise ImagineAIError(f"{to}: the ending must be one of {', '.join(FORMATS)}.")
    with service.logged_in(chosen) as client:
        client.export(chosen.table, to, cast(Format, written_as))
    show_line(f"{to}: {to.stat().st_size:,} bytes", console)
    return 0
