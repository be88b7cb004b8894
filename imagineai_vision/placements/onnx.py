"""CPUs: ONNX Runtime in single precision, in the thread that calls; torch is never imported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import onnxruntime

from imagineai_vision.bundle import GRAPH, Bundle
from imagineai_vision.placements.placement import (
    Compute,
    GivenUp,
    NobodyWaits,
    Outputs,
    Rgb,
    somebody_waits,
)


class OnnxPlacement:
    """Each picture by itself, as batches gain nothing on a CPU.

    Args:
        bundle: The opened bundle.
        threads: Threads of one pass; more than one only where pictures come one by one.
    """

    device = "cpu"
    batches: tuple[int, ...] = (1,)

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # A spinning pool takes the cores from the other slots.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._names = bundle.outputs
        self._session = onnxruntime.InferenceSession(
            bundle.folder / GRAPH, options, providers=["CPUExecutionProvider"]
        )

    @contextmanager
    def expected(self, given_up: GivenUp = somebody_waits) -> Iterator[Compute]:
        """Give what computes the picture, in this very thread."""

        def compute(rgb: Rgb) -> Outputs:
            if given_up():
                raise NobodyWaits
            return self.outputs(rgb[None])

        yield compute

    def outputs(self, rgb: Rgb) -> Outputs:
        """Return the outputs of N pictures."""
        return dict(zip(self._names, self._session.run(self._names, {"rgb": rgb}), strict=True))

    def close(self) -> None:
        """Nothing is held beside memory."""
