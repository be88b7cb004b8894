"""How well a bundle tells categories and colours of products that it was not trained on: rendered 3D models.

`python -m training.judging.catalogue --bundle FOLDER` judges any bundle.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from imagineai_vision import picture
from imagineai_vision.bundle import BundleError
from imagineai_vision.engine import Engine
from imagineai_vision.vocabulary import OTHER
from training.judging.resampling import Share, share
from training.photos.dataset import Dataset, Photos, load_dataset
from training.photos.sources import DataError

_PARTS: Final = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Rendered:
    """What rendered products say; intervals are by bootstrap over 3D models.

    Attributes:
        served: Category right as served, "other" counted as wrong.
        served_answered: The same among those not answered "other"; None where all are.
        best: Category of the likeliest label right, "other" counted as wrong.
        best_product: Category of the likeliest label that is a product right, "other" left aside.
        other: Answered "other".
        color: The first colour served is the product's own; None where no colour is known.
        categories: ``served`` of each category.
        models: Number of 3D models.
        licence: Of the 3D models, a line for people.
    """

    served: Share
    served_answered: Share | None
    best: Share
    best_product: Share
    other: Share
    color: Share | None
    categories: dict[str, Share]
    models: int
    licence: str

    def as_metrics(self) -> dict[str, float]:
        """Return plain numbers by name, for DVC and MLflow."""
        shares = {
            "category_accuracy": self.served,
            "category_accuracy_answered": self.served_answered,
            "category_best_label": self.best,
            "category_best_product": self.best_product,
            "other_share": self.other,
            "color_accuracy": self.color,
        }
        metrics: dict[str, float] = {
            f"catalogue_{name}": value.value for name, value in shares.items() if value is not None
        }
        return metrics | {"catalogue_pictures": self.served.photos, "catalogue_models": self.models}

    def as_markdown(self) -> str:
        """Return the figures as a paragraph and tables."""
        lines = [
            f"{self.served.photos} rendered pictures of {self.models} 3D models, in brackets the 95 % "
            "interval by bootstrap over 3D models.",
            "",
            "| what | share | pictures |",
            "|---|---|---|",
            _line('category right as served, "other" counted as wrong', self.served),
            _line('category right as served, "other" left aside', self.served_answered),
            _line('category of the likeliest label right, "other" counted as wrong', self.best),
            _line("category of the likeliest product right", self.best_product),
            _line('answered "other"', self.other),
            _line("first colour right", self.color),
            "",
            "| category | right as served | pictures |",
            "|---|---|---|",
            *(_line(name, value) for name, value in self.categories.items()),
        ]
        return "\n".join(lines) + "\n"


def main() -> int:
    """Judge a bundle and print the figures; a failure is one sentence on stderr and exit code 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--catalogue", type=Path, default=Path("outputs/catalogue"))
    parser.add_argument("--parts", nargs="+", choices=_PARTS, default=["test"], help="splits to judge on")
    options = parser.parse_args()
    try:
        dataset = load_dataset(options.catalogue)
        figures = judge_rendered(Engine.open(options.bundle, device="cpu"), dataset, options.parts)
    except (DataError, BundleError, OSError) as error:
        sys.stderr.write(f"Nothing was judged: {error}\n")
        return 1
    if figures is None:
        sys.stdout.write("Nothing was rendered, so that nothing is judged.\n")
        return 0
    sys.stdout.write(f"{figures.as_markdown()}\n{json.dumps(figures.as_metrics(), indent=1)}\n")
    return 0


def judge_rendered(engine: Engine, dataset: Dataset, parts: Sequence[str] = ("test",)) -> Rendered | None:
    """Return the figures of a bundle; None where there are no pictures.

    Args:
        engine: The loaded bundle.
        dataset: The rendered pictures.
        parts: Splits to judge on: more than "test" only for a bundle that no rendered picture shaped.
    """
    photos = _joined([getattr(dataset, part) for part in parts])
    if not len(photos):
        return None
    truth = np.array([dataset.labels[label].category for label in photos.labels])
    answers = _answers(engine, photos)
    served, best, product, color = (np.array(column) for column in zip(*answers, strict=True))
    is_other = served == OTHER
    known = np.array([name != "" for name in photos.colors])
    return Rendered(
        served=share(served == truth, photos.groups),
        served_answered=_among(served == truth, photos, ~is_other),
        best=share(best == truth, photos.groups),
        best_product=share(product == truth, photos.groups),
        other=share(is_other, photos.groups),
        color=_among(color == np.array(photos.colors), photos, known),
        categories={
            name: found
            for name in sorted(set(truth.tolist()))
            if (found := _among(served == truth, photos, truth == name))
        },
        models=len(set(photos.groups)),
        licence="; ".join(licence for _, licence in dataset.sources),
    )


def _answers(engine: Engine, photos: Photos) -> list[tuple[str, str, str, str]]:
    """Return of each picture the categories served, of the likeliest label and product, and the colour."""
    categories = np.array([label.category for label in engine.bundle.labels])
    is_product = categories != OTHER

    def one(path: Path) -> tuple[str, str, str, str]:
        data = path.read_bytes()
        logits = engine.outputs(picture.read(data, engine.bundle.size)[None])["label_logits"][0]
        answer = engine.predict(data)
        colors = [attribute.value for attribute in answer.attributes if attribute.name == "color"]
        product = np.where(is_product, logits, -np.inf)
        return (
            answer.category,
            str(categories[logits.argmax()]),
            str(categories[product.argmax()]),
            colors[0] if colors else "",
        )

    with ThreadPoolExecutor(2) as pool:
        return list(tqdm(pool.map(one, photos.paths), "rendered products", len(photos), unit="picture"))


def _joined(parts: Sequence[Photos]) -> Photos:
    return Photos(
        paths=tuple(path for part in parts for path in part.paths),
        labels=tuple(label for part in parts for label in part.labels),
        sources=tuple(source for part in parts for source in part.sources),
        groups=tuple(group for part in parts for group in part.groups),
        colors=tuple(color for part in parts for color in part.colors),
    )


def _among(right: NDArray[np.bool_], photos: Photos, chosen: NDArray[np.bool_]) -> Share | None:
    """Return the share right among chosen pictures; None where there are none."""
    if not chosen.any():
        return None
    return share(right[chosen], [photos.groups[index] for index in np.flatnonzero(chosen)])


def _line(what: str, value: Share | None) -> str:
    return f"| {what} | {value} | {value.photos} |" if value else f"| {what} | | 0 |"


if __name__ == "__main__":
    sys.exit(main())
