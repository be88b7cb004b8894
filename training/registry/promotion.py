"""From challenger to champion: judged by the gate, the report written as tags, the alias moved."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from imagineai_vision.bundle import BundleError
from imagineai_vision.engine import Engine
from training.photos.held_out import HeldOut, photos_learned, read_test_split
from training.registry import gate, model_versions
from training.registry.gate import Measured
from training.registry.model_versions import (
    CHALLENGER,
    CHAMPION,
    COMPLETE_TAG,
    OUTCOME_TAG,
    PREVIOUS_TAG,
    ROLLED_BACK_TAG,
    TEST_SPLIT_TAG,
)

PREPARED: Final = Path("outputs/prepare")
EVALUATED: Final = Path("outputs/evaluate")
PARAMS: Final = Path("params.yaml")


class NotPromoted(Exception):
    """There is nothing that could be judged; the text says why."""


class NoChallenger(NotPromoted):
    """Nothing waits to be promoted."""


class BrokenBundle(Exception):
    """The version's bundle is refused before it is judged; no force helps it."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller asked for.

    Attributes:
        version: Its number; None for the challenger.
        prepared: What the stage `prepare` wrote.
        evaluated: What the stage `evaluate` wrote.
        params: The file with the section `gate`.
        force: Whether it is to be promoted whatever the gate says.
        dropping_is_meant: Whether labels may go that the champion knows.
        only_judge: Whether the alias stays where it is, even where the gate passes.
    """

    version: str | None
    prepared: Path = PREPARED
    evaluated: Path = EVALUATED
    params: Path = PARAMS
    force: bool = False
    dropping_is_meant: bool = False
    only_judge: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it: which version, what the gate had against it, and whether it is the champion now."""

    version: str
    reasons: tuple[str, ...]
    measured: Measured
    promoted: bool


def promote(wish: Wish, name: str) -> Outcome:
    """Judge a version against the champion, write the report as its tags, and move the alias if it may be.

    Args:
        wish: Which version, and how.
        name: Of the registered model.

    Raises:
        NotPromoted: There is no such version, it is the champion, or the champion changed meanwhile.
        BrokenBundle: The version's is not the one that was registered, or does not yield its golden outputs.
        NoTestSplit: There are no held-out photos.
        BundleError: The champion's is not good.
        PictureError: A held-out photo is no picture.
        ValueError: The section `gate` is malformed.
        MlflowException: MLflow is away or refuses.
    """
    client = model_versions.connect()
    champion = model_versions.with_alias(client, name, CHAMPION)
    challenger = _challenger(client, name, wish.version)
    if champion is not None and _number(champion) == _number(challenger):
        raise NotPromoted(f"Version {champion.version} of {name} is the champion already.")
    rules = gate.read_rules(wish.params)
    try:
        measured = _measure(challenger, champion, wish, rules)
    except BrokenBundle as error:
        _write_tags(client, challenger, {OUTCOME_TAG: "refused", "gate.reasons": str(error)})
        raise
    reasons = [
        *gate.reasons_against(measured, rules, dropping_is_meant=wish.dropping_is_meant),
        *_seen_before(challenger, measured),
    ]
    _write_report(client, challenger, champion, measured, reasons, wish)
    may = not wish.only_judge and (wish.force or not reasons)
    if may:
        _move_alias(client, challenger, champion)
    return Outcome(_number(challenger), tuple(reasons), measured, promoted=may)


def _challenger(client: Any, name: str, number: str | None) -> Any:
    if number is None:
        challenger = model_versions.with_alias(client, name, CHALLENGER)
        if challenger is None:
            raise NoChallenger(
                f"No version of {name} carries the alias {CHALLENGER}; `make train` makes one."
            )
    else:
        found = [each for each in model_versions.versions(client, name) if _number(each) == number]
        if not found:
            raise NotPromoted(f"{name} has no version {number}.")
        challenger = found[0]
    if COMPLETE_TAG not in challenger.tags:
        raise NotPromoted(f"Version {challenger.version} was not registered completely; register it again.")
    return challenger


def _measure(challenger: Any, champion: Any | None, wish: Wish, rules: gate.Rules) -> Measured:
    held_out = read_test_split(wish.prepared)
    with tempfile.TemporaryDirectory() as temporary:
        ours = _whole(challenger, Path(temporary) / "challenger")
        theirs = champion and model_versions.download(champion, Path(temporary) / "champion")
        seen = _seen_by(champion, held_out, Path(temporary)) if champion else frozenset()
        return gate.measure(ours, theirs, held_out, _baseline(wish.evaluated), rules, seen)


def _seen_by(champion: Any, held_out: HeldOut, folder: Path) -> frozenset[str]:
    """Return the names of the photos that the champion was trained on, where another split had them so."""
    if champion.tags.get(TEST_SPLIT_TAG) in (None, held_out.sha256):
        return frozenset()
    return photos_learned(model_versions.download_data(champion, folder))


def _whole(version: Any, folder: Path) -> Path:
    """Bring a version's bundle here, and see it yield its golden outputs."""
    try:
        bundle = model_versions.download(version, folder)
        Engine.open(bundle).close()
    except BundleError as error:
        raise BrokenBundle(str(error)) from error
    return bundle


def _baseline(evaluated: Path) -> float | None:
    """Return the ridge baseline's accuracy, None where nothing was evaluated here."""
    path = evaluated / "metrics.json"
    if not path.exists():
        return None
    try:
        return float(json.loads(path.read_text(encoding="utf-8"))["ridge_accuracy"])
    except (ValueError, KeyError, TypeError) as error:
        raise NotPromoted(f"{path} does not give ridge_accuracy: {error!r}.") from error


def _seen_before(challenger: Any, measured: Measured) -> list[str]:
    trained_beside = challenger.tags.get(TEST_SPLIT_TAG)
    if trained_beside in (None, measured.test_split):
        return []
    return ["It was trained beside another test split, so that it may have seen these held-out photos."]


def _write_report(
    client: Any,
    challenger: Any,
    champion: Any | None,
    measured: Measured,
    reasons: Sequence[str],
    wish: Wish,
) -> None:
    forced = wish.force and bool(reasons) and not wish.only_judge
    outcome = "forced" if forced else "refused" if reasons else "passed"
    tags = {
        **gate.as_tags(measured),
        "gate.champion": str(champion.version) if champion else "",
        "gate.reasons": " ".join(reasons)[: gate.LONGEST_TAG],
        "gate.judged_by": model_versions.by_whom(),
        "gate.forced_by": model_versions.by_whom() if forced else "",
        "gate.dropping_confirmed": str(wish.dropping_is_meant and bool(measured.dropped)).lower(),
        OUTCOME_TAG: outcome,
    }
    _write_tags(client, challenger, tags)


def _write_tags(client: Any, version: Any, tags: Mapping[str, str]) -> None:
    for key, value in tags.items():
        client.set_model_version_tag(version.name, version.version, key, value)


def _move_alias(client: Any, challenger: Any, champion: Any | None) -> None:
    name, before = challenger.name, champion and _number(champion)
    now = model_versions.with_alias(client, name, CHAMPION)
    if (now and _number(now)) != before:
        raise NotPromoted(f"The champion of {name} changed while the gate was judging; try again.")
    client.set_model_version_tag(name, challenger.version, PREVIOUS_TAG, before or "")
    if ROLLED_BACK_TAG in challenger.tags:
        client.delete_model_version_tag(name, challenger.version, ROLLED_BACK_TAG)
    client.set_registered_model_alias(name, CHAMPION, challenger.version)
    if CHALLENGER in challenger.aliases:
        client.delete_registered_model_alias(name, CHALLENGER)


def _number(version: Any) -> str:
    """Return a version's number as text: MLflow gives it as one or the other, by the call."""
    return str(version.version)
