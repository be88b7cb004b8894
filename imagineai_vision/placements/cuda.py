"""The way to a CUDA device: pinned memory, a stream for copies, one for passes, a graph for each pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch

from imagineai_vision.placements.torch_device import Pair, Tensors

_WARM_UPS: Final = 3
"""Passes before a capture: libraries load, choose their kernels and take their memory in the first ones."""


class CudaLane:
    """The current CUDA device."""

    device = "cuda"

    def __init__(self) -> None:
        self._copies = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._passes = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()

    def pair(self, shape: tuple[int, ...], dtype: torch.dtype) -> Pair:
        """Take pinned memory here and as much there."""
        here = torch.zeros(shape, dtype=dtype, pin_memory=True)
        there = here.to(self.device)
        # Filled before any other stream may write there.
        torch.cuda.current_stream().synchronize()
        return Pair(here, there)

    def upload(self, pair: Pair, part: slice) -> None:
        """Queue a copy beside the passes; copies keep their order, so a row written again ends up right."""
        with torch.cuda.stream(self._copies):
            pair.there[part].copy_(pair.here[part], non_blocking=True)

    def prepared(self, forward: Callable[[], Tensors]) -> Callable[[], Tensors]:
        """Capture a pass as a graph: one launch instead of some hundred."""
        self._passes.wait_stream(torch.cuda.current_stream())
        graph = torch.cuda.CUDAGraph()
        # What stays in single precision means it: TensorFloat-32 has no more bits than a half.
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            with torch.cuda.stream(self._passes):
                for _ in range(_WARM_UPS):
                    forward()
            # Passes never overlap, so all graphs may share memory. The version before goes on serving in
            # other threads meanwhile: they must not end the capture, hence thread_local.
            with torch.cuda.graph(
                graph, pool=self._pool, stream=self._passes, capture_error_mode="thread_local"
            ):
                outputs = forward()

        def replay() -> Tensors:
            graph.replay()
            return outputs

        return replay

    def run(self, prepared: Callable[[], Tensors]) -> Tensors:
        """Run a pass behind the copies that were queued before it, and wait for its outputs."""
        with torch.cuda.stream(self._passes):
            self._passes.wait_stream(self._copies)
            # Into pinned memory of their own, as the graph's outputs are overwritten by the next pass.
            outputs = {name: values.to("cpu", non_blocking=True) for name, values in prepared().items()}
            self._passes.synchronize()
        return outputs
