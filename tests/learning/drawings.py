"""Drawn pictures with labels, and bundles that answer them well, badly, or with other labels.

Every bundle is the released one with other label names or another temperature; its outputs stay the same.
"""

import csv
import io
import json
import shutil

import numpy as np
from PIL import Image, ImageDraw

from imagineai_vision.bundle import DOCUMENT, seal
from imagineai_vision.engine import Engine
from training.photos.held_out import HeldOut, HeldOutPhoto

COUNT = 60
SIDE = 224
CERTAIN = 0.02
"""A temperature at which an answer is as sure as the drawings' labels, which are its own answers."""
SHAPE = {"other": "shape", "accordion": "other"}
"""The released bundle takes most drawings for no product: that answer becomes a label here."""

SWAPPED = {"balloon", "envelope"}
NAMES = {
    "good": SHAPE,
    "worse": SHAPE | {"balloon": "envelope", "envelope": "balloon"},
    "dropping": SHAPE | {"abaya": "kaftan"},
    "renaming": SHAPE | {"ball": "sphere"},
}
"""Other names of labels, by what the gate should make of such a bundle."""


def draw(seed):
    """A PNG of some discs and boxes."""
    chance = np.random.default_rng(seed)
    image = Image.new("RGB", (SIDE, SIDE), tuple(chance.integers(0, 256, 3).tolist()))
    pen = ImageDraw.Draw(image)
    for _ in range(chance.integers(1, 5)):
        (x, y), (width, height) = chance.integers(0, 160, 2).tolist(), chance.integers(30, 180, 2).tolist()
        form = pen.ellipse if chance.random() < 0.5 else pen.rectangle
        form((x, y, x + width, y + height), fill=tuple(chance.integers(0, 256, 3).tolist()))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def vary(bundle, folder, names, temperature=CERTAIN):
    """Copy a bundle with some of its labels under other names."""
    shutil.copytree(bundle, folder)
    document = json.loads((folder / DOCUMENT).read_text())
    for label in document["labels"]:
        label["name"] = names.get(label["name"], label["name"])
        label["threshold"] = 0.0
    document["temperature"] = temperature
    seal(folder, {key: value for key, value in document.items() if key != "files"})
    return folder


def prepare(folder, bundle, names=None):
    """Write what the stage `prepare` writes: drawings whose labels are the answers of a bundle."""
    (folder / "pictures").mkdir(parents=True)
    engine = Engine.open(bundle, device="cpu")
    with (folder / "photos.csv").open("w", newline="") as file:
        columns = ["photo", "source", "label", "group", "split", "color", "material", "pattern", "defects"]
        table = csv.DictWriter(file, columns, restval="")
        table.writeheader()
        for seed in range(COUNT):
            content = draw(seed)
            label = engine.predict(content).label
            label = (names or {}).get(label, label)
            (folder / "pictures" / f"{seed}.png").write_bytes(content)
            row = {"photo": f"{seed}.png", "source": "drawn", "label": label, "split": "test"}
            table.writerow(row)
        table.writerow({"photo": "train.png", "source": "drawn", "label": "shape", "split": "train"})
    engine.close()
    return folder


def held_out(folder, labels, each):
    """Take some photos of each label from a folder of folders."""
    found = [
        HeldOutPhoto(path, label, path.name)
        for label in labels
        for path in sorted((folder / label).iterdir())[:each]
    ]
    return HeldOut(tuple(found), "")
