"""Write a network with everything around it as a bundle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from safetensors.torch import save

from imagineai_vision.bundle import DOCUMENT, GOLDEN, GRAPH, MODEL_CARD, WEIGHTS, seal
from imagineai_vision.engine import Engine
from imagineai_vision.network import ShopNetwork
from training.bundles.export import export


def pack(
    folder: Path,
    network: ShopNetwork,
    document: dict[str, Any],
    model_card: str,
    golden_rgb: NDArray[np.uint8],
) -> None:
    """Write a bundle; the network is left with the rounded weights that the bundle holds.

    Args:
        folder: Where to; made if absent, its files overwritten.
        network: In evaluation mode, on the CPU.
        document: What model.json says beside the format and the files' hashes.
        model_card: Markdown.
        golden_rgb: Pictures whose outputs every placement must yield, uint8, shape (N, size, size, 3).

    Raises:
        BundleError: The bundle written does not yield on a CPU what the network yields.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write_weights(folder / WEIGHTS, network)
    _write_graph(folder / GRAPH, network, folder / WEIGHTS, side=golden_rgb.shape[1])
    with torch.inference_mode():
        outputs = network(torch.from_numpy(golden_rgb))
    golden = {name: value.numpy() for name, value in outputs.items()}
    np.savez_compressed(folder / GOLDEN, rgb=golden_rgb, **golden)
    (folder / MODEL_CARD).write_text(model_card, encoding="utf-8")
    seal(folder, document)
    Engine.open(folder, device="cpu").close()


def rewrite_card(folder: Path, model_card: str) -> None:
    """Give a bundle another model card, as its figures are known only once it can answer.

    Args:
        folder: The bundle.
        model_card: Markdown.
    """
    document = json.loads((folder / DOCUMENT).read_bytes())
    (folder / MODEL_CARD).write_text(model_card, encoding="utf-8")
    seal(folder, {name: value for name, value in document.items() if name not in ("format", "files")})


def _write_weights(path: Path, network: ShopNetwork) -> None:
    """Store matrices in half precision and vectors as they are; ranges of variances do not fit a half."""
    stored = {
        name: (tensor.half() if tensor.ndim > 1 else tensor).contiguous()
        for name, tensor in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    path.write_bytes(save(stored))
    network.load_state_dict({name: tensor.float() for name, tensor in stored.items()}, strict=False)


def _write_graph(path: Path, network: ShopNetwork, weights: Path, side: int) -> None:
    example = torch.zeros(2, side, side, 3, dtype=torch.uint8)
    graph = export(network, example, network.outputs)
    _point_into(graph.graph, weights)
    path.write_bytes(graph.SerializeToString(deterministic=True))
    onnx.checker.check_model(path)


def _point_into(graph: onnx.GraphProto, weights: Path) -> None:
    """Make the graph's weights byte ranges of the safetensors file; halves are widened to float."""
    with weights.open("rb") as file:
        header_bytes = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(header_bytes))
    casts = []
    for tensor in graph.initializer:
        entry = header.get(tensor.name)
        if entry is None:
            continue
        start, end = entry["data_offsets"]
        place = {"location": weights.name, "offset": 8 + header_bytes + start, "length": end - start}
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        if entry["dtype"] == "F16":
            tensor.data_type = onnx.TensorProto.FLOAT16
            stored = f"{tensor.name}.half"
            casts.append(onnx.helper.make_node("Cast", [stored], [tensor.name], to=onnx.TensorProto.FLOAT))
            tensor.name = stored
    for cast in reversed(casts):
        graph.node.insert(0, cast)
