"""The demo, which the platform ends its start with."""

import argparse
from pathlib import Path

from rich.console import Console

from imagineai_client import demo
from imagineai_client.verbs.adding import Verbs


def add(verbs: Verbs) -> None:
    """Add the verb of this module."""
    verb = verbs.add("demo", run, "take one picture the whole way and print what was found")
    verb.add_argument("image", nargs="?", type=Path, metavar="IMAGE", help="by default a rendered mug")


def run(chosen: argparse.Namespace, console: Console) -> int:
    """Take one picture the whole way, as the demo user of the platform of this folder."""
    demo.run(chosen.image, console)
    return 0
