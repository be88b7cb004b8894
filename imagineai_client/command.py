"""The command ``imagineai``."""

import argparse
import sys
from collections.abc import Sequence
from typing import cast

from rich.console import Console

from imagineai_client.errors import ImagineAIError, ServiceUnreachable
from imagineai_client.verbs import accounts, demonstration, importing, jobs, pictures, tables
from imagineai_client.verbs.adding import Verbs


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 0 only where it did what was asked."""
    chosen = parser().parse_args(arguments)
    try:
        return cast(int, chosen.run(chosen, Console()))
    except ServiceUnreachable as error:
        return _say(f"{error} Is it running? `make up` starts it.")
    except ImagineAIError as error:
        return _say(str(error))
    except OSError as error:
        return _say(f"{error.filename or error}: {error.strerror or 'failed'}.")
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """The command with all its verbs; its reference is made from this, too."""
    command = argparse.ArgumentParser(prog="imagineai", description="Talk to a running ImagineAI.")
    verbs = Verbs(command)
    for kind in (accounts, pictures, importing, jobs, tables, demonstration):
        kind.add(verbs)
    return command


def _say(sentence: str) -> int:
    """Print an error and return the exit code for it."""
    sys.stderr.write(f"{sentence}\n")
    return 1
