"""Make the starter bundle: ImageNet's classes, read as a shop would name them. Stage `starter`."""

from __future__ import annotations

import argparse
import csv
import hashlib
import math
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from imagineai_vision.network import ShopNetwork
from imagineai_vision.vocabulary import OTHER
from training.bundles.pack import pack
from training.bundles.pretrained import WEIGHTS_SHA256, pretrained

_MODEL_CARD: Final = Path(__file__).with_name("starter_card.md")
TOLERANCES: Final = {"cpu": 0.001, "cuda": 0.1}


def main() -> None:
    """Write the bundle; DVC hands over the section `starter` of params.yaml as arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("outputs/starter"))
    parser.add_argument("--size", type=int, required=True, help="side of the network's input in pixels")
    parser.add_argument(
        "--other_prior", type=float, required=True, help="share of pictures without a product"
    )
    parser.add_argument("--threshold", type=float, required=True, help="least probability of a label")
    parser.add_argument("--temperature", type=float, required=True, help="of the label softmax")
    options = parser.parse_args()
    make(options.out, options.size, options.other_prior, options.threshold, options.temperature)


def make(folder: Path, size: int, other_prior: float, threshold: float, temperature: float) -> None:
    """Write the starter bundle.

    Args:
        folder: Where to.
        size: Side of the network's input in pixels.
        other_prior: Expected share of pictures that show no product, between 0 and 1.
        threshold: Probability under which a label is not answered.
        temperature: Of the label softmax.

    Raises:
        ValueError: The installed weights are not the ones this module knows.
    """
    torch.set_num_threads(1)
    taxonomy = files("imagineai_vision").joinpath("taxonomy.csv").read_bytes()
    classes = [row for row in csv.DictReader(taxonomy.decode().splitlines()) if row["source"] == "imagenet"]
    rows = {row["shop_label"]: row for row in classes}
    names = sorted(rows)
    arguments: dict[str, Any] = {
        "class_labels": [names.index(row["shop_label"]) for row in classes],
        "class_offsets": class_offsets(classes, other_prior),
    }
    document = {
        "name": "starter",
        "network": {"name": ShopNetwork.__name__, "arguments": arguments},
        "input": {"size": size, "resize": "JPEG draft, then bicubic to a square", "mean": 127, "scale": 128},
        "labels": [_label(rows[name], threshold) for name in names],
        "temperature": temperature,
        "golden": {"tolerances": TOLERANCES},
        "sources": {
            "efficientnet-lite0-57934424.pth": WEIGHTS_SHA256,
            "taxonomy.csv": hashlib.sha256(taxonomy).hexdigest(),
        },
    }
    network = ShopNetwork(**arguments).eval()
    network.load_state_dict(pretrained())
    pack(folder, network, document, _MODEL_CARD.read_text(encoding="utf-8"), golden_pictures(size))


def golden_pictures(size: int) -> NDArray[np.uint8]:
    """Draw pictures that use the whole range of the input and compress well, shape (4, size, size, 3)."""
    rows, columns = np.mgrid[0:size, 0:size] / size
    disc = np.hypot(rows - 0.5, columns - 0.45) < 0.3
    bars = (rows * 8).astype(int) % 2 == (columns * 6).astype(int) % 2
    ramp = np.stack((rows, columns, 1 - rows), axis=-1)
    pictures = (
        ramp,
        np.where(disc[..., None], ramp * (0.9, 0.3, 0.2), 0.96),
        np.where(bars[..., None], (0.1, 0.25, 0.6), (0.95, 0.9, 0.8)),
        np.where(disc[..., None] ^ bars[..., None], ramp**2, (0.05, 0.05, 0.08)),
    )
    return np.round(np.stack(pictures) * 255).astype(np.uint8)


def class_offsets(classes: list[dict[str, str]], other_prior: float) -> list[float]:
    """Return for each class the log of its frequency in a shop over that in ImageNet, where all are equal."""
    others = sum(row["shop_label"] == OTHER for row in classes)
    products = len(classes) - others
    other = math.log(other_prior * len(classes) / others)
    product = math.log((1 - other_prior) * len(classes) / products)
    return [round(other if row["shop_label"] == OTHER else product, 6) for row in classes]


def _label(row: dict[str, str], threshold: float) -> dict[str, Any]:
    name = row["shop_label"]
    return {
        "name": name,
        "category": row["category"],
        "subcategory": row["subcategory"],
        "threshold": 0.0 if name == OTHER else threshold,
    }


if __name__ == "__main__":
    main()
