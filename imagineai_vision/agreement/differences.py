"""How far two ways of computing the same bundle's answers are apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imagineai_vision.agreement.answers import Answers, Floats


@dataclass(frozen=True, slots=True)
class Difference:
    """One way beside the reference, over N photos.

    Attributes:
        photos: N.
        same_label: Share of the photos whose label, as served, is the same.
        same_flag: Share of the photos of which both tell a defect, or neither.
        probability_most: The largest difference of any label's probability on any photo.
        probability_p99: 99th percentile over the photos of the largest difference on each.
        embedding_cosine_least: Cosine of the two embeddings, the least over the photos.
        maps_most: By defect map, the largest difference of a place's logit; empty without a defect head.
        pixel_mean: Mean difference of what the decodes made of the photos, in levels of 255.
        pixel_most: The largest one.
    """

    photos: int
    same_label: float
    same_flag: float
    probability_most: float
    probability_p99: float
    embedding_cosine_least: float
    maps_most: dict[str, float]
    pixel_mean: float
    pixel_most: int


def difference(reference: Answers, other: Answers) -> Difference:
    """Compare two ways on the same photos."""
    apart = np.abs(reference.probabilities - other.probabilities).max(axis=1)
    pixels = np.abs(reference.rgb.astype(np.int16) - other.rgb)
    pairs = zip(reference.labels, other.labels, strict=True)
    return Difference(
        photos=len(reference.labels),
        same_label=float(np.mean([one == two for one, two in pairs])),
        same_flag=float((reference.is_flagged == other.is_flagged).mean()),
        probability_most=float(apart.max()),
        probability_p99=float(np.percentile(apart, 99)),
        embedding_cosine_least=float(_cosines(reference.embeddings, other.embeddings).min()),
        maps_most={
            name: float(np.abs(maps - other.maps[name]).max()) for name, maps in reference.maps.items()
        },
        pixel_mean=float(pixels.mean()),
        pixel_most=int(pixels.max()),
    )


def table(rows: dict[str, Difference]) -> str:
    """Return differences from the reference as a markdown table, a way a row."""
    maps = sorted({name for row in rows.values() for name in row.maps_most})
    titles = [
        "",
        "same label",
        "same flag",
        "probability, most",
        "p99",
        "embedding cosine, least",
        *(f"{name}, most" for name in maps),
        "pixels, mean",
        "most",
    ]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for way, row in rows.items():
        cells = [
            way,
            f"{row.same_label:.2%}",
            f"{row.same_flag:.2%}",
            f"{row.probability_most:.2g}",
            f"{row.probability_p99:.2g}",
            f"{row.embedding_cosine_least:.6f}",
            *(f"{row.maps_most[name]:.2g}" for name in maps),
            f"{row.pixel_mean:.2f}",
            f"{row.pixel_most}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cosines(one: Floats, two: Floats) -> Floats:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1)
    cosines: Floats = (one * two).sum(axis=1) / lengths
    return cosines
