"""The map from ImageNet's classes to what a shop calls them."""

import csv
from importlib.resources import files

from imagineai_vision.vocabulary import CATEGORIES

ROWS = list(csv.DictReader(files("imagineai_vision").joinpath("taxonomy.csv").read_text().splitlines()))
IMAGENET = [row for row in ROWS if row["source"] == "imagenet"]


def test_every_class_of_imagenet_has_its_row_in_order():
    assert [int(row["imagenet_index"]) for row in IMAGENET] == list(range(1000))


def test_a_label_belongs_to_one_category_and_subcategory():
    places = {}
    for row in ROWS:
        places.setdefault(row["shop_label"], set()).add((row["category"], row["subcategory"]))
    assert {label: where for label, where in places.items() if len(where) > 1} == {}
    assert {category for where in places.values() for category, _ in where} <= set(CATEGORIES)


def test_labels_read_as_a_shop_would_name_them():
    for row in ROWS:
        label = row["shop_label"]
        assert label == label.strip().lower()
        assert "_" not in label
        assert 0 < len(label) <= 40
