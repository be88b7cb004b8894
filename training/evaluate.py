"""Pack the trained network as a bundle and judge it on the test photos as it is served. Stage `evaluate`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from imagineai_vision.bundle import BundleError
from imagineai_vision.engine import Engine
from training.branch.trained import Trained, load_trained
from training.bundles.pack import pack, rewrite_card
from training.bundles.pretrained import WEIGHTS_SHA256
from training.defects.teaching import Taught, load_taught
from training.folders import replacing
from training.judging import plots
from training.judging.catalogue import judge_rendered
from training.judging.decoding import judge_decode
from training.judging.figures import Figures, judge, right_as_served
from training.judging.model_card import model_card
from training.judging.scoring import Scored, embed, score
from training.photos.dataset import Dataset, load_dataset
from training.photos.sources import DataError
from training.registry.tracking import log_results
from training.starter import golden_pictures

BUNDLE: Final = "bundle"
METRICS: Final = "metrics.json"
_TOLERANCES: Final = {"cpu": 0.01, "cuda": 0.1}
"""Wider than the starter's: a branch's temperature and gate multiply what floats round apart."""


def main() -> int:
    """Pack and judge; a failure is one sentence on stderr and exit code 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("outputs/prepare"))
    parser.add_argument("--trained", type=Path, default=Path("outputs/train"))
    parser.add_argument("--defects", type=Path, default=Path("outputs/defects"))
    parser.add_argument("--catalogue", type=Path, help="what the stage catalogue wrote")
    parser.add_argument("--out", type=Path, default=Path("outputs/evaluate"))
    options = parser.parse_args()
    try:
        figures = evaluate(options.out, options.data, options.trained, options.defects, options.catalogue)
    except (DataError, BundleError, OSError) as error:
        sys.stderr.write(f"Nothing was evaluated: {error}\n")
        return 1
    sys.stdout.write(
        f"Right among the trained labels {figures.trained}, as served {figures.served}; ridge on frozen "
        f"features {figures.ridge}; calibration error {figures.calibration_error:.3f}.\n"
    )
    return 0


def evaluate(
    folder: Path, data: Path, trained_folder: Path, defects_folder: Path, catalogue: Path | None = None
) -> Figures:
    """Write the bundle, its figures and pictures of them; return the figures.

    Args:
        folder: Where to; there whole or not at all.
        data: What `prepare` wrote.
        trained_folder: What `train` wrote.
        defects_folder: What `defects` wrote.
        catalogue: What `catalogue` wrote, where rendered products are to be asked for too.

    Raises:
        DataError: What it needs is not there.
        BundleError: The bundle does not yield what the network yields.
        OSError: A file cannot be written.
    """
    dataset, trained, taught = load_dataset(data), load_trained(trained_folder), load_taught(defects_folder)
    trained.network.defect_head = taught.head
    with replacing(folder) as partial:
        bundle = partial / BUNDLE
        pack(bundle, trained.network, _document(dataset, trained, taught), "", golden_pictures(trained.size))
        engine = Engine.open(bundle, device="cpu")
        scored = score(engine, dataset, dataset.test)
        head = trained.network.label_head.classes
        weights = head.weight.detach().numpy(), head.bias.detach().numpy()
        known = embed(engine, dataset.train), embed(engine, dataset.validation)
        figures = judge(scored, dataset, *known, weights)
        rendered = judge_rendered(engine, load_dataset(catalogue)) if catalogue else None
        decoded = judge_decode(engine, dataset.test.paths)
        rewrite_card(bundle, model_card(dataset, figures, trained.recipe, taught.metrics, decoded, rendered))
        metrics = figures.as_metrics() | (rendered.as_metrics() if rendered else {})
        metrics["decode_same_label"] = decoded.same_label
        (partial / METRICS).write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
        _draw(partial, scored, dataset)
    files = [*sorted(folder.glob("*.png")), folder / METRICS, folder / BUNDLE / "MODEL_CARD.md"]
    name = os.environ.get("MODEL_NAME", "imagineai")
    log_results(name, trained.weights_sha256, metrics, files)
    return figures


def _document(dataset: Dataset, trained: Trained, taught: Taught) -> dict[str, Any]:
    arguments = {**trained.arguments, "defect_types": len(taught.rule.types)}
    return {
        "name": "shop",
        "network": {"name": type(trained.network).__name__, "arguments": arguments},
        "input": {
            "size": trained.size,
            "resize": "JPEG draft, then bicubic to a square",
            "mean": 127,
            "scale": 128,
        },
        "labels": trained.labels,
        "temperature": 1.0,
        "defects": asdict(taught.rule),
        "golden": {"tolerances": _TOLERANCES},
        "sources": {"efficientnet-lite0-57934424.pth": WEIGHTS_SHA256},
        "trained_labels": [label.name for label in dataset.labels],
        "data": {"photos.sha256": dataset.sha256, "test_split.sha256": dataset.test_sha256},
        "recipe": trained.recipe,
    }


def _draw(folder: Path, scored: Scored, dataset: Dataset) -> None:
    names = [label.name for label in dataset.labels]
    answered = np.array([answer.category != "other" for answer in scored.predictions])
    confidences = np.array([answer.confidence for answer in scored.predictions])
    right = right_as_served(scored, dataset)
    plots.confusion(folder / "confusion.png", scored, names)
    plots.reliability(folder / "reliability.png", confidences[answered], right[answered])
    plots.worst(folder / "worst.png", scored, names)


if __name__ == "__main__":
    sys.exit(main())
