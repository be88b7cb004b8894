"""Roll back: the alias champion goes to the newest earlier version that passed the gate."""

from __future__ import annotations

import sys
from typing import Any

from mlflow.exceptions import MlflowException

from training.registry import model_versions
from training.registry.model_versions import (
    CHALLENGER,
    CHAMPION,
    MAY_COME_BACK,
    OUTCOME_TAG,
    ROLLED_BACK_TAG,
)


class NowhereToGo(Exception):
    """There is no champion, or no version before it that passed the gate."""


def main() -> int:
    """Roll back; a failure is one sentence on stderr and exit code 1."""
    name = model_versions.model_name()
    try:
        left, champion = roll_back(name)
    except NowhereToGo as error:
        return _fail(str(error))
    except MlflowException as error:
        return _fail(model_versions.in_a_sentence(error))
    sys.stdout.write(f"Version {champion} of {name} is the champion again, instead of version {left}.\n")
    return 0


def roll_back(name: str) -> tuple[str, str]:
    """Move the alias to the newest earlier version that passed the gate and was not itself left this way.

    Returns:
        The version that was left, and the champion of now.

    Raises:
        NowhereToGo: There is none.
        MlflowException: MLflow is away or refuses.
    """
    client = model_versions.connect()
    left = model_versions.with_alias(client, name, CHAMPION)
    if left is None:
        raise NowhereToGo(f"No version of {name} carries the alias {CHAMPION}.")
    earlier = [
        int(version.version)
        for version in model_versions.versions(client, name)
        if int(version.version) < int(left.version) and _may_come_back(version)
    ]
    if not earlier:
        raise NowhereToGo(f"No version of {name} before {left.version} has passed the gate.")
    champion = str(max(earlier))
    client.set_registered_model_alias(name, CHAMPION, champion)
    note = f"to version {champion} by {model_versions.by_whom()}"
    client.set_model_version_tag(name, left.version, ROLLED_BACK_TAG, note)
    if CHALLENGER in left.aliases:  # where the champion's was moved in MLflow itself
        client.delete_registered_model_alias(name, CHALLENGER)
    return str(left.version), champion


def _may_come_back(version: Any) -> bool:
    return version.tags.get(OUTCOME_TAG) in MAY_COME_BACK and ROLLED_BACK_TAG not in version.tags


def _fail(sentence: str) -> int:
    sys.stderr.write(f"Nothing was rolled back: {sentence}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
