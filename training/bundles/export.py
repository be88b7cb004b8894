"""Networks as ONNX graphs, which CPUs run several times faster than torch does."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from typing import Final

import onnx
import onnxscript.optimizer
import torch
from torch import Tensor, nn

OPSET: Final = 18


def export(network: nn.Module, example: Tensor, outputs: Sequence[str]) -> onnx.ModelProto:
    """Trace a network for any number of pictures; normalisation stays apart, ONNX Runtime fuses it.

    Args:
        network: In evaluation mode, on the CPU.
        example: At least two pictures.
        outputs: Names of what it yields, in order; the input is named "rgb".
    """
    # The exporter warns of packages that it looks for in vain.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network,
            (example,),
            dynamo=True,
            optimize=False,
            opset_version=OPSET,
            input_names=["rgb"],
            output_names=list(outputs),
            dynamic_shapes=({0: torch.export.Dim("pictures")},),
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export returned nothing")
    onnxscript.optimizer.fold_constants(program.model)
    onnxscript.optimizer.remove_unused_nodes(program.model)
    model: onnx.ModelProto = program.model_proto
    _drop_traces(model)
    return model


def _drop_traces(model: onnx.ModelProto) -> None:
    """Remove the exporter's notes, which name files of the machine it ran on."""
    graph = model.graph
    del graph.value_info[:]
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
