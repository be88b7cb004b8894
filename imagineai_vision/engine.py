"""One picture's bytes in, one prediction out: a bundle loaded, proven and ready.

Two placements compute, chosen as the engine opens: on CPUs ONNX Runtime, in the calling thread; on CUDA
devices torch, which takes the pictures of many threads together. Both answer the same.
"""

from __future__ import annotations

import weakref
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagineai_vision import picture
from imagineai_vision.bundle import DEFECT_OUTPUTS, Bundle, BundleError, open_bundle
from imagineai_vision.classification import label_scores
from imagineai_vision.color import colors
from imagineai_vision.defects import Inspection, inspect
from imagineai_vision.findings import Prediction
from imagineai_vision.golden import check_golden
from imagineai_vision.picture import PictureFacts
from imagineai_vision.placements.batcher import CLOSED
from imagineai_vision.placements.choice import choose, place
from imagineai_vision.placements.placement import GivenUp, Outputs, Placement, somebody_waits


class Engine:
    """A loaded bundle; ``predict`` may be called from any number of threads.

    Args:
        bundle: The opened bundle.
        placement: Where it is loaded; closed with the engine, or once nobody holds that any longer.
    """

    def __init__(self, bundle: Bundle, placement: Placement) -> None:
        self.bundle = bundle
        self.device = placement.device
        self._placement: Placement | None = placement
        # A version that is let go of is not closed by anyone: a prediction under way may still hold it.
        self._end = weakref.finalize(self, placement.close)

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
        chosen = choose(device)
        try:
            placement = place(bundle, chosen, threads)
        except Exception as error:
            raise BundleError(f"The bundle's network cannot be loaded: {error}") from error
        try:
            check_golden(bundle, placement)
        except BaseException:
            placement.close()
            raise
        return cls(bundle, placement)

    @property
    def card(self) -> dict[str, Any]:
        """The parsed model.json."""
        return self.bundle.card

    def predict(self, data: bytes, given_up: GivenUp = somebody_waits) -> Prediction:
        """Decode a picture and say what is known of it.

        Args:
            data: The picture file's bytes.
            given_up: Asked, once the picture is decoded, whether nobody waits for it any longer.

        Returns:
            The findings; the duration of classify contains the wait for others of a batch.

        Raises:
            PictureError: It cannot be decoded.
            NobodyWaits: Its caller had given up when it was decoded.
            RuntimeError: The engine is closed.
        """
        started = perf_counter()
        with self.placement.expected(given_up) as compute:
            rgb, facts = picture.read_with_facts(data, self.bundle.size)
            decoded = perf_counter()
            outputs = compute(rgb)
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

    def outputs(self, rgb: NDArray[np.uint8]) -> Outputs:
        """Return the network's outputs by name.

        Args:
            rgb: Pictures as ``picture.read`` returns them, uint8, shape (N, size, size, 3).

        Raises:
            RuntimeError: The engine is closed.
        """
        return self.placement.outputs(rgb)

    @property
    def placement(self) -> Placement:
        """Where the network is loaded.

        Raises:
            RuntimeError: The engine is closed.
        """
        if self._placement is None:
            raise RuntimeError(CLOSED)
        return self._placement

    def _defects(self, rgb: NDArray[np.uint8], facts: PictureFacts, outputs: Outputs) -> Inspection:
        if self.bundle.defect_rule is None:
            return Inspection()
        presence, types = (outputs[name][0] for name in DEFECT_OUTPUTS)
        return inspect(rgb, facts, presence, types, self.bundle.defect_rule)

    def close(self) -> None:
        """Free the network once the calls under way are done; later calls raise RuntimeError."""
        self._placement = None
        self._end()
