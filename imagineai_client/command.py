"""The command ``imagineai``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from imagineai_client import demo
from imagineai_client.errors import ImagineAIError, ServiceUnreachable


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 0 only where it did what was asked."""
    chosen = _parser().parse_args(arguments)
    try:
        demo.run(chosen.image, Console())
    except ServiceUnreachable as error:
        return _say(f"{error} Is it running? `make up` starts it.")
    except ImagineAIError as error:
        return _say(str(error))
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="imagineai", description="Talk to a running ImagineAI.")
    commands = parser.add_subparsers(dest="command", required=True)
    demonstration = commands.add_parser(
        "demo", help="take one picture the whole way and print what was found"
    )
    demonstration.add_argument(
        "image", nargs="?", type=Path, metavar="IMAGE", help="by default a rendered mug"
    )
    return parser


def _say(sentence: str) -> int:
    """Print an error and return the exit code for it."""
    sys.stderr.write(f"{sentence}\n")
    return 1
