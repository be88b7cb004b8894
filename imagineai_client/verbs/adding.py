"""How a verb is added to the command."""

import argparse
from collections.abc import Callable
from typing import TypeAlias

from rich.console import Console

Run: TypeAlias = Callable[[argparse.Namespace, Console], int]


class Verbs:
    """The verbs of the command; each runs with what was typed and returns the exit code."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._verbs = parser.add_subparsers(metavar="VERB", required=True)

    def add(self, name: str, run: Run, says: str) -> argparse.ArgumentParser:
        """Add one; its parser is returned for the arguments."""
        verb = self._verbs.add_parser(name, help=says, description=f"{says[0].upper()}{says[1:]}.")
        verb.set_defaults(run=run)
        return verb
