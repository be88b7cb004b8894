"""What the notebooks draw, on axes that they hand over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from imagineai_vision import picture
from imagineai_vision.defects import inspect
from imagineai_vision.engine import Engine
from imagineai_vision.findings import Box, Defect
from imagineai_vision.picture import PictureFacts
from training.defects.examples import Example
from training.judging.resampling import Share

BLUE: Final = "#3b6ea5"
RED: Final = "#b5493b"
AMBER: Final = "#e0a030"
GREEN: Final = "#3f8f4f"
_COLORS: Final = (BLUE, RED, AMBER, GREEN)
_SIDE: Final = 320


def learning_curves(loss: Axes, accuracy: Axes, curves: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
    """Draw how trainings went, an epoch a point.

    Args:
        loss: For the loss on training photos, dashed, and on validation photos.
        accuracy: For the accuracy on validation photos.
        curves: Of each training by its name: train_loss, validation_loss, validation_accuracy.
    """
    for (name, values), color in zip(curves.items(), _COLORS, strict=False):
        for metric, style in (("train_loss", "--"), ("validation_loss", "-")):
            epochs = range(1, len(values[metric]) + 1)
            what = metric.removesuffix("_loss")
            loss.plot(epochs, values[metric], style, color=color, marker=".", label=f"{name}, {what}")
        seen = values["validation_accuracy"]
        accuracy.plot(range(1, len(seen) + 1), seen, color=color, marker=".", label=name)
    loss.set(xlabel="epoch", ylabel="cross-entropy", title="Loss", ylim=(0, None))
    accuracy.set(xlabel="epoch", ylabel="share right", title="Accuracy on validation photos", ylim=(0, 1.02))
    for axes in (loss, accuracy):
        axes.legend(frameon=False)
        axes.grid(alpha=0.25)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def shares(axes: Axes, values: Mapping[str, Share], reference: Share | None = None) -> None:
    """Draw shares with their 95 % intervals, the highest on top.

    Args:
        axes: To draw on.
        values: By name.
        reference: Of all together, as a line.
    """
    ordered = sorted(values.items(), key=lambda item: item[1].value)
    for place, (_, share) in enumerate(ordered):
        axes.plot((share.low, share.high), (place, place), color=BLUE, alpha=0.45, linewidth=5)
        axes.plot(share.value, place, "o", color=BLUE)
    axes.set_yticks(range(len(ordered)), [f"{name} ({share.photos})" for name, share in ordered])
    if reference is not None:
        axes.axvline(reference.value, color=RED, linestyle="--", linewidth=1)
        axes.text(reference.value, len(ordered) - 0.4, f"all {reference.value:.2f}", color=RED, ha="center")
    axes.set(
        xlim=(-0.02, 1.02), ylim=(-0.6, len(ordered) - 0.1), xlabel="share right, with its 95 % interval"
    )
    axes.grid(axis="x", alpha=0.25)


def photo(axes: Axes, path: Path, title: str, color: str = "black") -> None:
    """Show a photo as the network sees it: a square.

    Args:
        axes: To draw on.
        path: Of the photo.
        title: What to say of it.
        color: Of the title.
    """
    axes.imshow(picture.read(path.read_bytes(), _SIDE))
    axes.set_title(title, fontsize=9, color=color)


def painted(axes: Axes, example: Example, found: Sequence[Defect]) -> None:
    """Show a painted picture with the true boxes, dashed, and those found.

    Args:
        axes: To draw on.
        example: The picture and what was painted.
        found: Of ``defects_in``.
    """
    height, width = example.shape
    side = len(example.rgb)
    axes.imshow(example.rgb)
    for true in example.painted:
        _frame(axes, true.box, side / width, side / height, GREEN, "--")
    for defect in found:
        _frame(axes, defect.box, 1, 1, RED, "-")
    kinds = ", ".join(true.kind.replace("_", " ") for true in example.painted) or "nothing"
    told = ", ".join(f"{defect.type.replace('_', ' ')} {defect.confidence:.2f}" for defect in found)
    axes.set_title(f"painted: {kinds}\nfound: {told or 'nothing'}", fontsize=8)


def defects_in(engine: Engine, example: Example) -> tuple[Defect, ...]:
    """Return the defects that a bundle with a defect head tells of in a painted picture, in its pixels."""
    rule = engine.bundle.defect_rule
    if rule is None:
        return ()
    outputs = engine.outputs(example.rgb[None])
    facts = PictureFacts("image/jpeg", example.rgb.shape[1], example.rgb.shape[0])
    presence, types = outputs["defect_presence"][0], outputs["defect_types"][0]
    return inspect(example.rgb, facts, presence, types, rule).defects


def _frame(axes: Axes, box: Box, across: float, down: float, color: str, style: str) -> None:
    corner = (box.x * across, box.y * down)
    frame = Rectangle(
        corner, box.width * across, box.height * down, fill=False, color=color, linestyle=style, linewidth=2
    )
    axes.add_patch(frame)
