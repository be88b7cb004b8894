"""The model card of a trained bundle: what it is for, how good it is, what it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any, Final

from imagineai_vision.agreement.differences import Difference
from training.judging.catalogue import Rendered
from training.judging.figures import Figures
from training.judging.resampling import Share
from training.photos.dataset import Dataset

_TEMPLATE: Final = Path(__file__).with_name("shop_card.md")


def model_card(
    dataset: Dataset,
    figures: Figures,
    recipe: Mapping[str, Any],
    defects: Mapping[str, Any],
    decoded: Difference,
    rendered: Rendered | None = None,
) -> str:
    """Return the card as markdown.

    Args:
        dataset: What it was trained and judged on.
        figures: On the test photos.
        recipe: Parameters of the training.
        defects: Figures of the defect head.
        decoded: How far the answers are from those after the plain decode, on the test photos.
        rendered: Figures on rendered products, where there are any.
    """
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        train=len(dataset.train),
        validation=len(dataset.validation),
        test=len(dataset.test),
        label_count=len(dataset.labels),
        names=", ".join(label.name for label in dataset.labels),
        trained=figures.trained,
        served=figures.served,
        category=figures.category,
        other=figures.other,
        ridge=figures.ridge,
        imagenet=figures.imagenet,
        calibration_error=f"{figures.calibration_error:.3f}",
        decode_same_label=f"{decoded.same_label:.3f}",
        decode_probability=f"{decoded.probability_most:.3f}",
        decode_pixels=f"{decoded.pixel_mean:.2f}",
        decode_pixel_most=decoded.pixel_most,
        labels=_parts("label", figures.labels),
        by_source=_parts("source", figures.sources),
        rendered=rendered.as_markdown() if rendered else "No rendered products were asked for.\n",
        sources="\n".join(
            [
                *(f"- Photos, {name}: {licence}" for name, licence in dataset.sources),
                *([f"- Rendered products, to judge by: {rendered.licence}"] if rendered else []),
            ]
        ),
        found=_shown(defects["found"]),
        type_right=_shown(defects["type_right"]),
        flagged=f"{defects['good_flagged']:.3f}",
        defects=defects["defects"],
        contrast=f"{defects['contrast']:.0f}",
        found_at=_at(defects["found_at_flagged"]),
        found_by_type=_types(defects["found_by_type"], defects["contrast_by_type"]),
        sha256=dataset.sha256,
        test_sha256=dataset.test_sha256,
        recipe=", ".join(f"{name} {value}" for name, value in recipe.items()),
    )


def _shown(share: float | None) -> str:
    return "not measured" if share is None else f"{share:.2f}"


def _at(found: Mapping[str, float | None]) -> str:
    return " and ".join(
        f"{_shown(value)} where {float(share):.0%} of them are flagged" for share, value in found.items()
    )


def _types(found: Mapping[str, float | None], contrasts: Mapping[str, float]) -> str:
    lines = ["| type of defect | found | mean contrast |", "|---|---|---|"]
    lines += [
        f"| {name.replace('_', ' ')} | {_shown(value)} | {contrasts.get(name, 0):.0f} |"
        for name, value in found.items()
    ]
    return "\n".join(lines) + "\n"


def _parts(what: str, parts: Mapping[str, Share]) -> str:
    lines = [f"| {what} | right as served | photos |", "|---|---|---|"]
    lines += [f"| {name} | {value} | {value.photos} |" for name, value in parts.items()]
    return "\n".join(lines) + "\n"
