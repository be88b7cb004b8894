"""One picture's bytes in, one prediction out: a bundle loaded, proven and ready.

On CPUs ONNX Runtime computes in the calling thread and torch is never imported; on CUDA devices torch does.
"""

from __future__ import annotations

import ctypes
import zipfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from imagineai_vision import picture
from imagineai_vision.bundle import (
    DEFECT_OUTPUTS,
    GOLDEN,
    GRAPH,
    LABEL_OUTPUTS,
    WEIGHTS,
    Bundle,
    BundleError,
    open_bundle,
)
from imagineai_vision.classification import label_scores
from imagineai_vision.color import colors
from imagineai_vision.defects import Inspection, inspect
from imagineai_vision.findings import Prediction
from imagineai_vision.picture import PictureFacts

Run = Callable[[NDArray[np.uint8]], dict[str, NDArray[np.float32]]]
"""Pictures, uint8, shape (N, size, size, 3), to the outputs by name; several threads may call it at once."""

_NEXT_TO_NOTHING: Final = 10.0
"""A label whose logit lies so far under the likeliest one's has a probability whose log is exact nowhere."""


class Engine:
    """A loaded bundle; ``predict`` may be called from any number of threads."""

    def __init__(self, bundle: Bundle, device: str, run: Run) -> None:
        self.bundle = bundle
        self.device = device
        self._run: Run | None = run

    @classmethod
    def open(cls, folder: Path, *, device: str = "auto", threads: int = 1) -> Engine:
        """Load a bundle, check its golden outputs and have it warm.

        Args:
            folder: The bundle's folder.
            device: "cpu", "cuda", or "auto": CUDA where there is a device.
            threads: Threads of one pass on a CPU; more than one only where pictures come one by one.

        Raises:
            BundleError: The bundle is cut, altered or malformed, or does not yield its golden outputs here.
            ValueError: The device is unknown or absent.
        """
        bundle = open_bundle(folder)
        placement = _choose(device)
        try:
            run = _on_torch(bundle, placement) if placement == "cuda" else _on_cpu(bundle, threads)
        except Exception as error:
            raise BundleError(f"The bundle's network cannot be loaded: {error}") from error
        _check_golden(bundle, placement, run)
        return cls(bundle, placement, run)

    @property
    def card(self) -> dict[str, Any]:
        """The parsed model.json."""
        return self.bundle.card

    def predict(self, data: bytes) -> Prediction:
        """Decode a picture and say what is known of it.

        Args:
            data: The picture file's bytes.

        Raises:
            PictureError: It cannot be decoded.
            RuntimeError: The engine is closed.
        """
        started = perf_counter()
        rgb, facts = picture.read_with_facts(data, self.bundle.size)
        decoded = perf_counter()
        outputs = self.outputs(rgb[None])
        label, scores = label_scores(outputs["label_logits"][0], self.bundle.labels, self.bundle.temperature)
        classified = perf_counter()
        attributes = colors(rgb)
        attributed = perf_counter()
        found = self._defects(rgb, facts, outputs)
        return Prediction(
            label=label.name,
            confidence=scores[label.name],
            scores=scores,
            category=label.category,
            subcategory=label.subcategory,
            attributes=(*attributes, *found.attributes),
            defects=found.defects,
            defect_score=found.score,
            durations_ms={
                "decode": (decoded - started) * 1e3,
                "classify": (classified - decoded) * 1e3,
                "extract_attributes": (attributed - classified) * 1e3,
                "detect_defects": (perf_counter() - attributed) * 1e3,
            },
        )

    def outputs(self, rgb: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Return the network's outputs by name.

        Args:
            rgb: Pictures as ``picture.read`` returns them, uint8, shape (N, size, size, 3).

        Raises:
            RuntimeError: The engine is closed.
        """
        run = self._run
        if run is None:
            raise RuntimeError("the engine is closed")
        return run(rgb)

    def _defects(
        self, rgb: NDArray[np.uint8], facts: PictureFacts, outputs: dict[str, NDArray[np.float32]]
    ) -> Inspection:
        if self.bundle.defect_rule is None:
            return Inspection()
        presence, types = (outputs[name][0] for name in DEFECT_OUTPUTS)
        return inspect(rgb, facts, presence, types, self.bundle.defect_rule)

    def close(self) -> None:
        """Free the network once the calls under way are done; later calls raise RuntimeError."""
        self._run = None


def _choose(device: str) -> str:
    if device == "cpu":
        return "cpu"
    if device not in ("auto", "cuda"):
        raise ValueError(f'the device must be "auto", "cpu" or "cuda", not "{device}"')
    if _has_cuda():
        return "cuda"
    if device == "cuda":
        raise ValueError("there is no CUDA device that torch can use")
    return "cpu"


def _has_cuda() -> bool:
    try:
        # Importing torch takes seconds: without the driver there is nothing to ask it.
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    import torch

    return torch.cuda.is_available()


def _on_cpu(bundle: Bundle, threads: int) -> Run:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A spinning pool takes the cores from the other slots.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(bundle.folder / GRAPH, options, providers=["CPUExecutionProvider"])

    def run(rgb: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        return dict(zip(bundle.outputs, session.run(bundle.outputs, {"rgb": rgb}), strict=True))

    return run


def _on_torch(bundle: Bundle, device: str) -> Run:
    import torch

    from imagineai_vision.network import load_network

    network = load_network(bundle.card["network"]["arguments"], bundle.folder / WEIGHTS).to(device)

    def run(rgb: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        with torch.inference_mode():
            outputs = network(torch.from_numpy(rgb.copy()).to(device))
            return {name: outputs[name].float().cpu().numpy() for name in bundle.outputs}

    return run


def _check_golden(bundle: Bundle, device: str, run: Run) -> None:
    try:
        with np.load(bundle.folder / GOLDEN, allow_pickle=False) as golden:
            rgb, expected = golden["rgb"], {name: golden[name] for name in bundle.outputs}
        tolerance = bundle.tolerances[device]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise BundleError(f"{GOLDEN} of the bundle is malformed: {error}.") from error
    # One by one, as pictures are served: this also warms the network and the palette.
    answers = [run(rgb[index : index + 1]) for index in range(len(rgb))]
    colors(rgb[0])
    for name, values in expected.items():
        outputs = np.concatenate([answer[name] for answer in answers])
        if outputs.shape != values.shape:
            raise BundleError(f"The bundle's {name} has another shape than its golden output.")
        apart = np.abs(outputs - values)
        if name == LABEL_OUTPUTS[0]:
            likeliest = values.max(axis=1, keepdims=True)
            apart = apart[~((values < likeliest - _NEXT_TO_NOTHING) & np.isfinite(outputs))]
        difference = float(apart.max())
        # Written so that NaN fails.
        if not difference <= tolerance:
            raise BundleError(
                f"The bundle does not yield its golden outputs here: {name} is off by {difference:.3g}, "
                f"allowed is {tolerance:.3g}."
            )
    if expected["label_logits"].shape[1] != len(bundle.labels):
        raise BundleError("The bundle has another number of labels than its network.")
