"""What `train` hands to `evaluate`: the network's weights and how its outputs are read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from safetensors.torch import save
from torch import Tensor

from imagineai_vision.network import ShopNetwork, load_network
from training.folders import replacing
from training.photos.sources import DataError

_DOCUMENT: Final = "network.json"
_WEIGHTS: Final = "network.safetensors"


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained network.

    Attributes:
        network: In evaluation mode.
        arguments: That it was built with.
        labels: All labels with their thresholds, as model.json has them.
        size: Side of the pictures that are answered, in pixels.
        recipe: Parameters of the training.
        weights_sha256: Of the weights as they were trained.
    """

    network: ShopNetwork
    arguments: dict[str, Any]
    labels: list[dict[str, Any]]
    size: int
    recipe: dict[str, Any]
    weights_sha256: str


def save_trained(folder: Path, weights: dict[str, Tensor], **document: Any) -> str:
    """Write the folder, whole or not at all; return the SHA-256 of the weights.

    Args:
        folder: Where to.
        weights: Of the network.
        document: The other fields of ``Trained``.
    """
    stored = save({name: value.contiguous() for name, value in weights.items()})
    with replacing(folder) as partial:
        (partial / _WEIGHTS).write_bytes(stored)
        (partial / _DOCUMENT).write_text(json.dumps(document) + "\n", encoding="utf-8")
    return hashlib.sha256(stored).hexdigest()


def load_trained(folder: Path) -> Trained:
    """Read the folder.

    Raises:
        DataError: It is not there.
    """
    if not (folder / _DOCUMENT).is_file():
        raise DataError(f"{folder} holds no trained network; `dvc repro train` makes one.")
    document = json.loads((folder / _DOCUMENT).read_bytes())
    return Trained(
        network=load_network(document["arguments"], folder / _WEIGHTS),
        weights_sha256=hashlib.sha256((folder / _WEIGHTS).read_bytes()).hexdigest(),
        **document,
    )
