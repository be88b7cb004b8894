"""Register a bundle in MLflow as a version of the model, once a bundle. Stage `register`."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow.exceptions import MlflowException

from imagineai_vision.bundle import BundleError, digest, open_bundle
from training.photos.held_out import PHOTOS, NoTestSplit, read_test_split
from training.registry import model_versions
from training.registry.model_versions import (
    CHALLENGER,
    CHAMPION,
    COMPLETE_TAG,
    DATA_REPORTS,
    DIGEST_TAG,
    OUTCOME_TAG,
    ROLLED_BACK_TAG,
    TEST_SPLIT_TAG,
)
from training.registry.version_log import Origin, log_version


@dataclass(frozen=True, slots=True)
class Registered:
    """What became of a bundle.

    Attributes:
        version: That holds it; None where nothing was to be done.
        is_new: Whether this call made it.
        rolled_back: Whether it was the champion and was left again, so that it is no challenger any more.
    """

    version: str | None
    is_new: bool
    rolled_back: bool = False


def main() -> int:
    """Register what the command line names; a failure is one sentence on stderr and exit code 1."""
    options = _options()
    name = model_versions.model_name()
    calls: dict[str, Callable[[], Registered]] = {
        "starter": lambda: register_starter(options.starter, name),
        "bundle": lambda: register(options.bundle, name),
        "evaluated": lambda: register_evaluated(options.evaluated, options.prepared, name, options.trained),
    }
    what = next(what for what in calls if getattr(options, what))
    if what == "evaluated" and not os.environ.get("MLFLOW_TRACKING_URI"):
        sys.stdout.write("MLFLOW_TRACKING_URI is not set: the bundle is made, but not registered.\n")
        return 0
    try:
        outcome = calls[what]()
    except (BundleError, NoTestSplit) as error:
        return _fail(str(error))
    except MlflowException as error:
        return _fail(model_versions.in_a_sentence(error))
    _tell(outcome, name)
    return 0


def register_starter(folder: Path, name: str) -> Registered:
    """Register a bundle as version 1 and champion where the registry has no version of the model.

    Args:
        folder: The bundle.
        name: Of the registered model.

    Raises:
        BundleError: The folder is no whole bundle.
        MlflowException: MLflow is away or refuses.
    """
    client = model_versions.connect()
    versions = model_versions.versions(client, name)
    if any(version.tags.get(COMPLETE_TAG) for version in versions):
        return Registered(None, is_new=False)
    sha256 = _checked_digest(folder)
    if any(version.tags.get(DIGEST_TAG) != sha256 for version in versions):
        return Registered(None, is_new=False)
    version = versions[0].version if versions else log_version(client, folder, name, sha256, Origin())
    client.set_model_version_tag(name, version, OUTCOME_TAG, "starter")
    client.set_registered_model_alias(name, CHAMPION, version)
    client.set_model_version_tag(name, version, COMPLETE_TAG, "complete")
    return Registered(str(version), is_new=not versions)


def register(folder: Path, name: str) -> Registered:
    """Register a bundle as a further version, without any alias, unless it is registered already.

    Args:
        folder: The bundle.
        name: Of the registered model.

    Raises:
        BundleError: The folder is no whole bundle.
        MlflowException: MLflow is away or refuses.
    """
    client = model_versions.connect()
    registered = _find_or_log(client, folder, name, Origin())
    client.set_model_version_tag(name, registered.version, COMPLETE_TAG, "complete")
    return registered


def register_evaluated(evaluated: Path, prepared: Path, name: str, trained: Path | None = None) -> Registered:
    """Register the bundle that was evaluated last, as challenger of whatever is the champion.

    A version that was rolled back is no challenger: who wants it back names it.

    Args:
        evaluated: What the stage `evaluate` wrote: the bundle, its figures and its plots.
        prepared: What the stage `prepare` wrote: the photos, with those that the bundle was judged on.
        name: Of the registered model.
        trained: The weights as the stage `train` wrote them, by which its run is found.

    Raises:
        BundleError: There is no whole bundle.
        NoTestSplit: There are no prepared photos.
        MlflowException: MLflow is away or refuses.
    """
    client = model_versions.connect()
    tags = {
        TEST_SPLIT_TAG: read_test_split(prepared).sha256,
        "data.sha256": hashlib.sha256((prepared / PHOTOS).read_bytes()).hexdigest(),
    }
    weights = hashlib.sha256(trained.read_bytes()).hexdigest() if trained and trained.exists() else None
    origin = Origin(tags, {"evaluation": evaluated, DATA_REPORTS: prepared}, weights)
    registered = _find_or_log(client, evaluated / "bundle", name, origin)
    champion = model_versions.with_alias(client, name, CHAMPION)
    is_champion = champion is not None and str(champion.version) == registered.version
    if not is_champion and not registered.rolled_back:
        client.set_registered_model_alias(name, CHALLENGER, registered.version)
    client.set_model_version_tag(name, registered.version, COMPLETE_TAG, "complete")
    return registered


def _find_or_log(client: Any, folder: Path, name: str, origin: Origin) -> Registered:
    sha256 = _checked_digest(folder)
    for version in model_versions.versions(client, name):
        if version.tags.get(DIGEST_TAG) == sha256:
            rolled_back = ROLLED_BACK_TAG in version.tags
            return Registered(str(version.version), is_new=False, rolled_back=rolled_back)
    return Registered(log_version(client, folder, name, sha256, origin), is_new=True)


def _checked_digest(folder: Path) -> str:
    open_bundle(folder)
    return digest(folder)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--starter", type=Path, metavar="FOLDER", help="only into an empty registry, as champion"
    )
    what.add_argument("--bundle", type=Path, metavar="FOLDER", help="as a further version, without an alias")
    what.add_argument("--evaluated", type=Path, metavar="FOLDER", help="what `evaluate` wrote, as challenger")
    parser.add_argument(
        "--prepared",
        type=Path,
        metavar="FOLDER",
        default=Path("outputs/prepare"),
        help="what `prepare` wrote, for --evaluated",
    )
    parser.add_argument(
        "--trained", type=Path, metavar="FILE", help="the weights that `train` wrote, for --evaluated"
    )
    return parser.parse_args()


def _tell(outcome: Registered, name: str) -> None:
    if outcome.version is None:
        sys.stdout.write(f"The registry has versions of {name} already; nothing was done.\n")
    else:
        state = "registered" if outcome.is_new else "registered already"
        sys.stdout.write(f"The bundle is {state} as version {outcome.version} of {name}.\n")
    if outcome.rolled_back:
        sys.stdout.write(
            f"It was rolled back: `make promote VERSION={outcome.version}` alone promotes it again.\n"
        )


def _fail(sentence: str) -> int:
    sys.stderr.write(f"Nothing was registered: {sentence}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
