"""What every peer computes: our own decode and network, by torch as its users run it or by ONNX Runtime."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.bundle import BUNDLE
from bench.peers.options import Options
from imagineai_vision import picture
from imagineai_vision.bundle import WEIGHTS, open_bundle
from imagineai_vision.classification import label_scores

Logits = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""Pictures, uint8, shape (N, size, size, 3), to the logits of their labels, shape (N, L)."""


class Model:
    """The released bundle in a peer's worker."""

    def __init__(self, options: Options) -> None:
        self._bundle = open_bundle(BUNDLE)
        self._logits = (_on_torch if options.backend == "torch" else _on_onnx)(options.threads)
        self._logits(np.zeros((1, self._bundle.size, self._bundle.size, 3), np.uint8))
        if options.loaded:
            (Path(options.loaded) / str(os.getpid())).touch()

    def answer(self, data: bytes) -> dict[str, Any]:
        """Give the top label of a picture file and the scores."""
        return self.answers(self.decode(data)[None])[0]

    def decode(self, data: bytes) -> NDArray[np.uint8]:
        """Decode a picture file to uint8, shape (size, size, 3)."""
        return picture.read(data, self._bundle.size)

    def answers(self, rgb: NDArray[np.uint8]) -> list[dict[str, Any]]:
        """Give the top label and the scores of each decoded picture, by one forward pass."""
        return [self._said(logits) for logits in self._logits(rgb)]

    def _said(self, logits: NDArray[np.float32]) -> dict[str, Any]:
        label, scores = label_scores(logits, self._bundle.labels, self._bundle.temperature)
        return {"label": label.name, "scores": scores}


def _on_torch(threads: int) -> Logits:
    import torch

    from imagineai_vision.network import load_network

    torch.set_num_threads(threads)
    arguments = open_bundle(BUNDLE).card["network"]["arguments"]
    network = load_network(arguments, BUNDLE / WEIGHTS)

    def logits(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            outputs: NDArray[np.float32] = network(torch.from_numpy(rgb.copy()))["label_logits"].numpy()
            return outputs

    return logits


def _on_onnx(threads: int) -> Logits:
    from imagineai_vision.engine import Engine

    engine = Engine.open(BUNDLE, device="cpu", threads=threads)
    return lambda rgb: engine.outputs(rgb)["label_logits"]
