"""Where a trained label belongs: as the taxonomy has it, else where ImageNet's head puts its photos."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

import torch

from imagineai_vision import picture
from imagineai_vision.network import ShopNetwork
from imagineai_vision.vocabulary import CATEGORIES, OTHER
from training.bundles.pretrained import pretrained

_PHOTOS_A_LABEL: Final = 24
_SIDE: Final = 224


def taxonomy() -> list[dict[str, str]]:
    """Return the rows of taxonomy.csv by column, ImageNet's thousand classes first and in their order."""
    text = files("imagineai_vision").joinpath("taxonomy.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def place(photos: Mapping[str, Sequence[Path]]) -> list[dict[str, str]]:
    """Return name, category and subcategory of each label, in alphabetical order.

    Args:
        photos: By label, the pictures it may be judged by.
    """
    known = {_key(row["shop_label"]): row for row in reversed(taxonomy())}
    placed = []
    for name in sorted(photos):
        row = known.get(_key(name))
        category = row["category"] if row else _category(photos[name][:_PHOTOS_A_LABEL])
        placed.append(
            {"name": name, "category": category, "subcategory": row["subcategory"] if row else name}
        )
    return placed


def _key(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").split())


def _category(photos: Sequence[Path]) -> str:
    """Return the category that the untouched head gives most probability, "no product" left aside."""
    mass = torch.zeros(len(CATEGORIES))
    network = _categoriser()
    for photo in photos:
        rgb = torch.from_numpy(picture.read(photo.read_bytes(), _SIDE).copy())
        with torch.inference_mode():
            mass += network(rgb[None])["label_logits"][0].softmax(dim=0)
    mass[CATEGORIES.index(OTHER)] = 0
    return CATEGORIES[int(mass.argmax())]


@cache
def _categoriser() -> ShopNetwork:
    """Return the untouched network with the categories as its labels."""
    classes = [row for row in taxonomy() if row["source"] == "imagenet"]
    categories = [CATEGORIES.index(row["category"]) for row in classes]
    network = ShopNetwork(categories, [0.0] * len(classes)).eval()
    network.load_state_dict(pretrained())
    return network
