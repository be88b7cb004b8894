"""Pictures of an evaluation: confusion matrix, reliability diagram, and the photos it is most wrong about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from imagineai_vision import picture
from imagineai_vision.vocabulary import OTHER
from training.branch.calibration import BINS, expected_error
from training.judging.scoring import Scored

_MOST_LABELS: Final = 40
_WORST: Final = 24
_INK: Final = "#1f4e79"
_WARNING: Final = "#b03a2e"


def confusion(path: Path, scored: Scored, names: Sequence[str]) -> None:
    """Draw how often each label is answered with which, "other" and labels never trained on included.

    Args:
        path: Of the PNG.
        scored: Answers of at least one photo.
        names: Of the trained labels; beyond forty, those most often confused are shown.
    """
    shown = _most_confused(scored, names)
    columns = [*shown, "another label", OTHER]
    counts = np.zeros((len(shown), len(columns)))
    for truth, answer in zip(scored.photos.labels, scored.predictions, strict=True):
        if names[truth] in shown:
            column = answer.label if answer.label in columns else "another label"
            counts[shown.index(names[truth]), columns.index(column)] += 1
    shares = counts / counts.sum(axis=1, keepdims=True).clip(1)
    side = 3 + 0.42 * len(shown)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right")
    axes.set_yticks(range(len(shown)), [f"{name} ({int(counts[i].sum())})" for i, name in enumerate(shown)])
    for (row, column), count in np.ndenumerate(counts):
        if count:
            color = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, f"{int(count)}", ha="center", va="center", color=color, fontsize=8)
    axes.set(xlabel="answered", ylabel="is (photos)", title="Test photos: what is answered for each label")
    figure.savefig(path, dpi=110)


def reliability(path: Path, confidences: NDArray[np.float64], right: NDArray[np.bool_]) -> None:
    """Draw how often answers are right by how sure they are, and how many there are of each.

    Args:
        path: Of the PNG.
        confidences: Of N answers.
        right: Of the same.
    """
    places = np.minimum((confidences * BINS).astype(int), BINS - 1)
    counts = np.bincount(places, minlength=BINS)
    filled = counts > 0
    figure = Figure(figsize=(6, 6.5), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot((0, 1), (0, 1), color="gray", linestyle="--", label="as sure as right")
    sure = np.bincount(places, confidences, BINS)[filled] / counts[filled]
    rate = np.bincount(places, right.astype(float), BINS)[filled] / counts[filled]
    error = 1.96 * np.sqrt((rate * (1 - rate)).clip(1e-4) / counts[filled])
    upper.errorbar(sure, rate, error, color=_INK, marker="o", capsize=3, linestyle="-", label="answers, 95 %")
    title = f"Expected calibration error {expected_error(confidences, right):.3f}"
    upper.set(ylabel="share right", title=title, ylim=(-0.02, 1.05))
    upper.legend(loc="upper left")
    lower.bar((np.arange(BINS) + 0.5) / BINS, counts, width=0.9 / BINS, color=_INK)
    lower.set(xlabel="confidence", ylabel="photos", xlim=(0, 1))
    figure.savefig(path, dpi=110)


def worst(path: Path, scored: Scored, names: Sequence[str]) -> None:
    """Show the photos whose wrong answer is surest.

    Args:
        path: Of the PNG.
        scored: Answers.
        names: Of the trained labels.
    """
    wrong = [
        (answer.confidence, number)
        for number, answer in enumerate(scored.predictions)
        if answer.label != names[scored.photos.labels[number]]
    ]
    chosen = [number for _, number in sorted(wrong, reverse=True)[:_WORST]]
    rows = max(1, -(-len(chosen) // 6))
    figure = Figure(figsize=(13, 2.7 * rows + 0.5), layout="constrained")
    figure.suptitle(
        f"{len(wrong)} of {len(scored.predictions)} test photos are answered wrong; the surest first"
    )
    cells = np.atleast_1d(figure.subplots(rows, 6, squeeze=False).ravel())
    for cell in cells:
        cell.axis("off")
    for cell, number in zip(cells, chosen, strict=False):
        answer = scored.predictions[number]
        cell.imshow(picture.read(scored.photos.paths[number].read_bytes(), 224))
        said = f"said {answer.label} {answer.confidence:.2f}\nis {names[scored.photos.labels[number]]}"
        cell.set_title(said, fontsize=9, color=_WARNING)
    figure.savefig(path, dpi=90)


def _most_confused(scored: Scored, names: Sequence[str]) -> list[str]:
    wrong = np.zeros(len(names))
    for truth, answer in zip(scored.photos.labels, scored.predictions, strict=True):
        wrong[truth] += answer.label != names[truth]
    chosen = np.argsort(-wrong, kind="stable")[:_MOST_LABELS]
    return [name for number, name in enumerate(names) if number in chosen]
