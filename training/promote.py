"""Promote a version: it passes the gate, then the alias champion moves to it and every API follows."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from mlflow.exceptions import MlflowException

from imagineai_vision.bundle import BundleError
from imagineai_vision.picture import PictureError
from training.photos.held_out import NoTestSplit
from training.registry import gate, model_versions
from training.registry.promotion import (
    EVALUATED,
    PARAMS,
    PREPARED,
    BrokenBundle,
    NoChallenger,
    NotPromoted,
    Outcome,
    Wish,
    promote,
)

REFUSED: Final = 3
"""The exit code where the gate has refused."""


def main() -> int:
    """Promote what the command line names: 0 where the gate passes, 3 where it refuses, 1 on a failure."""
    name = model_versions.model_name()
    wish, no_challenger_is_fine = _wish()
    try:
        outcome = promote(wish, name)
    except NoChallenger as error:
        return _nothing_to_do(name) if no_challenger_is_fine else _fail(str(error))
    except BrokenBundle as error:
        sys.stderr.write(f"The gate refuses this version of {name}:\n- {error}\n")
        return REFUSED
    except (NotPromoted, NoTestSplit, BundleError, PictureError, ValueError) as error:
        return _fail(str(error))
    except MlflowException as error:
        return _fail(model_versions.in_a_sentence(error))
    _tell(outcome, name)
    return 0 if outcome.promoted or (wish.only_judge and not outcome.reasons) else REFUSED


def _wish() -> tuple[Wish, bool]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", help="its number; without it the challenger")
    parser.add_argument("--prepared", type=Path, default=PREPARED, help="what `prepare` wrote")
    parser.add_argument("--evaluated", type=Path, default=EVALUATED, help="what `evaluate` wrote")
    parser.add_argument("--params", type=Path, default=PARAMS, help="the file with the section gate")
    parser.add_argument("--force", action="store_true", help="whatever the gate says; this is recorded")
    parser.add_argument(
        "--confirm-dropped", dest="dropping_is_meant", action="store_true", help="let the dropped labels go"
    )
    parser.add_argument("--only-judge", action="store_true", help="write the report, but leave the alias")
    parser.add_argument("--if-any", action="store_true", help="that nothing waits is no failure")
    options = vars(parser.parse_args())
    no_challenger_is_fine = options.pop("if_any")
    return Wish(**options), no_challenger_is_fine


def _tell(outcome: Outcome, name: str) -> None:
    measured = outcome.measured
    sys.stdout.write(
        f"Version {outcome.version} of {name}: accuracy {measured.accuracy:.3f} on {measured.photos} "
        f"held-out photos, calibration error {measured.ece:.3f}.\n"
    )
    if measured.champion:
        sys.stdout.write(f"Beside the champion: {gate.in_words(measured.champion)}.\n")
    if outcome.promoted:
        forced = " by force, against the gate:" if outcome.reasons else "."
        sys.stdout.write(f"It is promoted{forced}\n")
    elif outcome.reasons:
        sys.stderr.write(f"The gate refuses version {outcome.version} of {name}:\n")
    else:
        sys.stdout.write("It passes the gate, and waits to be promoted.\n")
    for reason in outcome.reasons:
        sys.stderr.write(f"- {reason}\n")


def _nothing_to_do(name: str) -> int:
    sys.stdout.write(f"No version of {name} waits to be promoted.\n")
    return 0


def _fail(sentence: str) -> int:
    sys.stderr.write(f"Nothing was promoted: {sentence}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
