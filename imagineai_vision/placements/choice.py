"""Which placement a machine gets: CUDA where there is a device, else ONNX Runtime; torch only where used."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import partial
from typing import Final

from imagineai_vision.bundle import Bundle
from imagineai_vision.placements.batcher import Batcher
from imagineai_vision.placements.onnx import OnnxPlacement
from imagineai_vision.placements.placement import Placement


def choose(device: str) -> str:
    """Return the device that is meant, "cpu" or "cuda".

    Args:
        device: One of both, or "auto": CUDA where there is a device.

    Raises:
        ValueError: The device is unknown or absent.
    """
    if device == "cpu":
        return "cpu"
    if device not in ("auto", "cuda"):
        raise ValueError(f'the device must be "auto", "cpu" or "cuda", not "{device}"')
    if _has_cuda():
        return "cuda"
    if device == "cuda":
        raise ValueError("there is no CUDA device that torch can use")
    return "cpu"


def place(bundle: Bundle, device: str, threads: int = 1) -> Placement:
    """Load a bundle's network where the engine is to compute.

    Args:
        bundle: The opened bundle.
        device: "cpu" or "cuda".
        threads: Threads of one pass on a CPU.
    """
    return _on_cuda(bundle) if device == "cuda" else OnnxPlacement(bundle, threads)


def _on_cuda(bundle: Bundle) -> Placement:
    from imagineai_vision.placements.cuda import CudaLane
    from imagineai_vision.placements.half import halved
    from imagineai_vision.placements.torch_device import TorchDevice

    return Batcher(TorchDevice(bundle, CudaLane(), halved))


def _torch_on_cpu(bundle: Bundle, way: str = "", precision: str = "float16") -> Placement:
    import torch

    from imagineai_vision.placements.half import halved, rounded
    from imagineai_vision.placements.torch_device import CpuLane, TorchDevice

    ways = {"halved": halved, "rounded": rounded}
    adapted = partial(ways[way], dtype=getattr(torch, precision)) if way else None
    return Batcher(TorchDevice(bundle, CpuLane(), adapted))


COMPARABLE: Final[dict[str, Callable[[Bundle], Placement]]] = {
    "onnx": OnnxPlacement,
    "torch": _torch_on_cpu,
    "torch-float16": partial(_torch_on_cpu, way="halved"),
    "rounded-float16": partial(_torch_on_cpu, way="rounded"),
    "rounded-bfloat16": partial(_torch_on_cpu, way="rounded", precision="bfloat16"),
    "cuda": _on_cuda,
}
"""Placements by the names that a comparison gives them; the engine's own are onnx and cuda.

Those with a precision stand in for a device on machines that have none.
"""


def _has_cuda() -> bool:
    try:
        # Importing torch takes seconds: without the driver there is nothing to ask it.
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    import torch

    return torch.cuda.is_available()
