"""The gate before the alias: may this bundle take the place of the champion?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from imagineai_vision.vocabulary import OTHER
from training.branch.calibration import expected_error
from training.photos.held_out import HeldOut, HeldOutPhoto
from training.registry.comparison import Answers, Comparison, answer, compare, shared_photos

LONGEST_TAG = 4_000
"""MLflow refuses values of more than 5,000 characters."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The section `gate` of params.yaml.

    Attributes:
        margin: Accuracy that the challenger may lose against the champion, or against the baseline.
        risk: Highest probability, over the resamples, that it loses more than that.
        accuracy: Least accuracy on the held-out photos.
        ece: Highest expected calibration error of the answers.
        resamples: Of the paired bootstrap.
        seed: Of the paired bootstrap.
    """

    margin: float
    risk: float
    accuracy: float
    ece: float
    resamples: int
    seed: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What the held-out photos say of a challenger.

    Attributes:
        test_split: Hash of the held-out rows.
        photos: How many of them show a label that it knows.
        accuracy: Share of those that it answers right; "other" is not right.
        ece: Expected calibration error of the answers that name a label.
        abstained: Share of the photos that it answers with "other".
        champion: The comparison, where there is a champion and both know labels that were tested.
        new: Labels that were tested, and that it knows and the champion does not.
        dropped: Labels that the champion knows and it does not.
        baseline: Accuracy of the ridge baseline on the held-out photos, None where nobody measured it.
        left_out: How many photos of labels that both know compare nothing, as the champion was trained on
            them or on others of their groups.
    """

    test_split: str
    photos: int
    accuracy: float
    ece: float
    abstained: float
    champion: Comparison | None
    new: tuple[str, ...]
    dropped: tuple[str, ...]
    baseline: float | None
    left_out: int = 0


def read_rules(params: Path) -> Rules:
    """Read the section `gate`.

    Raises:
        ValueError: It is missing or not of this form.
    """
    try:
        return Rules(**yaml.safe_load(params.read_text(encoding="utf-8"))["gate"])
    except (OSError, KeyError, TypeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"The section gate of {params} is missing or malformed: {reason}.") from error


def measure(
    challenger: Path,
    champion: Path | None,
    held_out: HeldOut,
    baseline: float | None,
    rules: Rules,
    seen: frozenset[str] = frozenset(),
) -> Measured:
    """Have both bundles answer the held-out photos as they would when served.

    Args:
        challenger: The bundle that wants to be promoted.
        champion: The one that is; None where none is.
        held_out: Photos that the challenger was not trained on.
        baseline: Accuracy of the ridge baseline on the same photos, None where nobody measured it.
        rules: What is asked for.
        seen: Names of those photos that the champion was trained on.

    Raises:
        BundleError: A bundle is not whole, or does not yield its golden outputs.
        PictureError: A held-out photo is no picture.
    """
    photos = held_out.photos
    ours = answer(challenger, photos)
    theirs = answer(champion, photos) if champion else None
    known_before = theirs.known if theirs else frozenset()
    judged = np.array([photo.label in ours.known for photo in photos])
    named = judged & np.array([label != OTHER for label in ours.labels])
    right, count = ours.right(photos), int(judged.sum())
    compared, left_out = _compared(ours, theirs, photos, seen, rules) if theirs else (None, 0)
    return Measured(
        test_split=held_out.sha256,
        photos=count,
        accuracy=float(right[judged].mean()) if count else 0.0,
        ece=expected_error(ours.confidences[named], right[named]),
        abstained=1 - int(named.sum()) / count if count else 0.0,
        champion=compared,
        new=tuple(sorted({photo.label for photo in photos} & ours.known - known_before)),
        dropped=tuple(sorted(known_before - ours.known)),
        baseline=baseline,
        left_out=left_out,
    )


def _compared(
    ours: Answers, theirs: Answers, photos: Sequence[HeldOutPhoto], seen: frozenset[str], rules: Rules
) -> tuple[Comparison | None, int]:
    """Compare on photos whose groups are new to both; also say how many were left out."""
    known = {photo.group for photo in photos if photo.path.name in seen}
    new = [number for number, photo in enumerate(photos) if photo.group not in known]
    comparison = compare(
        ours.only(new), theirs.only(new), [photos[number] for number in new],
        margin=rules.margin, resamples=rules.resamples, seed=rules.seed,
    )  # fmt: skip
    return comparison, len(set(shared_photos(ours, theirs, photos)) - set(new))


def reasons_against(measured: Measured, rules: Rules, *, dropping_is_meant: bool) -> list[str]:
    """Say in sentences why a challenger must not be promoted; nothing where it may be.

    Args:
        measured: What the held-out photos say.
        rules: What is asked for.
        dropping_is_meant: True lets labels go that the champion knows.
    """
    if not measured.photos:
        return ["It knows none of the labels of the held-out photos."]
    reasons = [*_under_the_floors(measured, rules), *_behind_the_champion(measured, rules)]
    if measured.new:
        reasons += _behind_the_baseline(measured, rules)
    if measured.dropped and not dropping_is_meant:
        labels = "1 label" if len(measured.dropped) == 1 else f"{len(measured.dropped)} labels"
        reasons.append(
            f"It no longer knows {labels} of the champion, which CONFIRM=1 would let go: "
            f"{', '.join(measured.dropped)}."
        )
    return reasons


def as_tags(measured: Measured) -> dict[str, str]:
    """Write what was measured as tags of the version."""
    tags = {
        "gate.test_split.sha256": measured.test_split,
        "gate.photos": str(measured.photos),
        "gate.accuracy": f"{measured.accuracy:.4f}",
        "gate.ece": f"{measured.ece:.4f}",
        "gate.abstained": f"{measured.abstained:.4f}",
        "gate.new_labels": ", ".join(measured.new)[:LONGEST_TAG],
        "gate.photos_left_out": str(measured.left_out),
        "gate.dropped_labels": ", ".join(measured.dropped)[:LONGEST_TAG],
    }
    if measured.baseline is not None:
        tags["gate.baseline_accuracy"] = f"{measured.baseline:.4f}"
    if (compared := measured.champion) is not None:
        low, high = compared.interval
        tags |= {
            "gate.shared_labels": str(compared.labels),
            "gate.shared_photos": str(compared.photos),
            "gate.champion_accuracy": f"{compared.champion_accuracy:.4f}",
            "gate.difference": f"{compared.difference:+.4f}",
            "gate.difference_interval": f"{low:+.4f} {high:+.4f}",
            "gate.worse_probability": f"{compared.worse:.4f}",
        }
    return tags


def in_words(compared: Comparison) -> str:
    """Say how a challenger does beside the champion."""
    low, high = compared.interval
    return (
        f"on {compared.photos} photos of {compared.labels} labels that both know it is right on "
        f"{compared.champion_accuracy + compared.difference:.3f}, the champion on "
        f"{compared.champion_accuracy:.3f} (difference {compared.difference:+.3f}, 95 % interval "
        f"{low:+.3f} to {high:+.3f})"
    )


def _under_the_floors(measured: Measured, rules: Rules) -> Iterator[str]:
    if measured.accuracy < rules.accuracy:
        yield (
            f"Its accuracy on the {measured.photos} held-out photos is {measured.accuracy:.3f}, "
            f"under the floor of {rules.accuracy:g}."
        )
    if measured.ece > rules.ece:
        yield f"The calibration error of its answers is {measured.ece:.3f}, over {rules.ece:g}."


def _behind_the_champion(measured: Measured, rules: Rules) -> Iterator[str]:
    compared = measured.champion
    if compared is None and measured.left_out:
        yield (
            f"Nothing compares it with the champion, which was trained on all {measured.left_out} held-out "
            "photos of labels that both know, or on others of their groups."
        )
    elif compared is not None and compared.worse > rules.risk:
        yield (
            f"It may be worse than the champion: {in_words(compared)}, and with a probability of "
            f"{compared.worse:.2f}, over {rules.risk:g}, it loses more than {rules.margin:g}."
        )
    elif compared is not None and compared.interval[1] < 0:
        # Within the margin, but a loss for all that; several such promotions would add up.
        yield f"It is worse than the champion, and not by chance: {in_words(compared)}."


def _behind_the_baseline(measured: Measured, rules: Rules) -> Iterator[str]:
    if measured.baseline is None:
        yield "It has labels that no champion knows, and nobody measured the ridge baseline to compare with."
    elif measured.accuracy < measured.baseline - rules.margin:
        yield (
            f"It has labels that no champion knows, and its accuracy of {measured.accuracy:.3f} is more than "
            f"{rules.margin:g} under that of the ridge baseline, {measured.baseline:.3f}."
        )
