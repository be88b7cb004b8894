"""The bundle: the folder that is trained, registered, promoted and served.

model.json           what the network is and how its outputs are read; the SHA-256 of every other file
weights.safetensors  the network's numbers; matrices in half precision, which is what every placement loads
network.onnx         the graph for CPUs; it carries no weights of its own but points into that file
golden.npz           pictures and the outputs they must yield
MODEL_CARD.md        data, licences, figures and limits, for people
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from imagineai_vision.classification import Label
from imagineai_vision.defects import DefectRule
from imagineai_vision.vocabulary import CATEGORIES, DEFECT_TYPES, OTHER

FORMAT: Final = 1
DOCUMENT: Final = "model.json"
WEIGHTS: Final = "weights.safetensors"
GRAPH: Final = "network.onnx"
GOLDEN: Final = "golden.npz"
MODEL_CARD: Final = "MODEL_CARD.md"
LABEL_OUTPUTS: Final = ("label_logits", "embedding")
DEFECT_OUTPUTS: Final = ("defect_presence", "defect_types")
"""Names of what the network yields; the second ones only where the bundle says how defects are read."""
FILES: Final = (WEIGHTS, GRAPH, GOLDEN, MODEL_CARD)


class BundleError(Exception):
    """The folder is no whole and unaltered bundle, or does not answer as it must; the text says why."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """An opened and checked bundle.

    Attributes:
        folder: Where its files are.
        card: The parsed model.json.
        labels: The label head's columns.
        temperature: Of the label head's softmax.
        size: Side of the network's input in pixels.
        tolerances: By device, how far outputs may be from the golden ones.
        defect_rule: How the defect head is read; None where the network has none.
    """

    folder: Path
    card: dict[str, Any]
    labels: tuple[Label, ...]
    temperature: float
    size: int
    tolerances: dict[str, float]
    defect_rule: DefectRule | None

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of what the network yields."""
        return LABEL_OUTPUTS if self.defect_rule is None else (*LABEL_OUTPUTS, *DEFECT_OUTPUTS)


def open_bundle(folder: Path) -> Bundle:
    """Read a bundle's description and check each of its files against it.

    Raises:
        BundleError: A file is missing, cut, altered or malformed.
    """
    card = _read_document(folder)
    for name, expected in _listed(card).items():
        if _sha256(folder, name) != expected:
            raise BundleError(f"{name} of the bundle is not the file that was released: its SHA-256 differs.")
    try:
        bundle = Bundle(
            folder=folder,
            card=card,
            labels=tuple(Label(**label) for label in card["labels"]),
            temperature=float(card["temperature"]),
            size=int(card["input"]["size"]),
            tolerances={str(k): float(v) for k, v in card["golden"]["tolerances"].items()},
            defect_rule=None if card.get("defects") is None else DefectRule.read(card["defects"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BundleError(f"{DOCUMENT} of the bundle is malformed: {error!r}.") from error
    _check_labels(bundle)
    return bundle


def digest(folder: Path) -> str:
    """Return the identity of a bundle: SHA-256, in hex, over the names and contents of all its files.

    Raises:
        BundleError: A file is missing.
    """
    names = sorted((DOCUMENT, *_listed(_read_document(folder))))
    lines = "".join(f"{_sha256(folder, name)}  {name}\n" for name in names)
    return hashlib.sha256(lines.encode()).hexdigest()


def seal(folder: Path, document: dict[str, Any]) -> None:
    """Write model.json, a field a line, with the hashes of the files that lie in the folder already."""
    document = {"format": FORMAT, **document, "files": {name: _sha256(folder, name) for name in FILES}}
    lines = (f"{json.dumps(key)}: {json.dumps(value, allow_nan=False)}" for key, value in document.items())
    (folder / DOCUMENT).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def _read_document(folder: Path) -> dict[str, Any]:
    try:
        card = json.loads((folder / DOCUMENT).read_bytes())
    except OSError as error:
        raise BundleError(f"{folder} holds no bundle: {DOCUMENT} cannot be read.") from error
    except ValueError as error:
        raise BundleError(f"{DOCUMENT} of the bundle is cut off or not JSON.") from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise BundleError(f"{DOCUMENT} of the bundle is not of format {FORMAT}, which is the one known here.")
    return card


def _listed(card: dict[str, Any]) -> dict[str, str]:
    files = card.get("files")
    if not isinstance(files, dict) or set(files) != set(FILES):
        raise BundleError(f"{DOCUMENT} of the bundle must list {', '.join(FILES)} and nothing else.")
    return files


def _sha256(folder: Path, name: str) -> str:
    try:
        with (folder / name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BundleError(f"{name} of the bundle is missing or cannot be read.") from error


def _check_labels(bundle: Bundle) -> None:
    names = [label.name for label in bundle.labels]
    if len(set(names)) != len(names) or OTHER not in names:
        raise BundleError(f'The bundle\'s labels must be distinct, with "{OTHER}" among them.')
    unknown = {label.category for label in bundle.labels} - set(CATEGORIES)
    if unknown:
        raise BundleError(f"The bundle's labels name unknown categories: {', '.join(sorted(unknown))}.")
    strange = set(bundle.defect_rule.types if bundle.defect_rule else ()) - set(DEFECT_TYPES)
    if strange:
        raise BundleError(f"The bundle names unknown types of defects: {', '.join(sorted(strange))}.")
    if not bundle.temperature > 0:
        raise BundleError("The bundle's temperature must be positive.")
