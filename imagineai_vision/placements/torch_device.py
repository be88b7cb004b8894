"""A network on a torch device: rows for pictures that wait, and a pass for each size of a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple, Protocol

import torch
from torch import Tensor

from imagineai_vision.bundle import WEIGHTS, Bundle
from imagineai_vision.network import ShopNetwork, load_network
from imagineai_vision.placements.placement import Outputs, Rgb

BATCHES: Final = (1, 2, 4, 8, 16, 32)
ROWS: Final = 3 * BATCHES[-1]
"""One batch that is computed, one that is queued, and as many pictures that are just being handed in."""

Tensors = dict[str, Tensor]


class Pair(NamedTuple):
    """Memory that the host writes, and its copy on the device; on a CPU both are the same."""

    here: Tensor
    there: Tensor


class Lane(Protocol):
    """How pictures get to the device and passes are run there."""

    device: str

    def pair(self, shape: tuple[int, ...], dtype: torch.dtype) -> Pair:
        """Take memory, filled with zeros."""

    def upload(self, pair: Pair, part: slice) -> None:
        """Start to bring a part of the host's memory to the device; later passes see it there."""

    def prepared(self, forward: Callable[[], Tensors]) -> Callable[[], Tensors]:
        """Make a pass over fixed memory ready to be run again and again."""

    def run(self, prepared: Callable[[], Tensors]) -> Tensors:
        """Run a pass and return its outputs once they are in the host's memory."""


class CpuLane:
    """Plain calls: for tests, and to compare placements with."""

    device = "cpu"

    def pair(self, shape: tuple[int, ...], dtype: torch.dtype) -> Pair:
        """Take memory that is both sides at once."""
        memory = torch.zeros(shape, dtype=dtype)
        return Pair(memory, memory)

    def upload(self, pair: Pair, part: slice) -> None:
        """Nothing has to move."""

    def prepared(self, forward: Callable[[], Tensors]) -> Callable[[], Tensors]:
        """A call is ready as it is."""
        return forward

    def run(self, prepared: Callable[[], Tensors]) -> Tensors:
        """Call it."""
        return prepared()


class TorchDevice:
    """A bundle's network on a device, for a ``Batcher``.

    Args:
        bundle: The opened bundle.
        lane: The way to the device.
        adapted: What is done to the network first, such as ``halved``; None leaves it in single precision.
    """

    batches: tuple[int, ...] = BATCHES
    rows = ROWS

    def __init__(
        self, bundle: Bundle, lane: Lane, adapted: Callable[[ShopNetwork], ShopNetwork] | None = None
    ) -> None:
        self.device = lane.device
        self._lane = lane
        network = load_network(bundle.card["network"]["arguments"], bundle.folder / WEIGHTS)
        if adapted is not None:
            network = adapted(network)
        network.requires_grad_(requires_grad=False)
        network.to(lane.device)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
        self._pictures = lane.pair((ROWS, bundle.size, bundle.size, 3), torch.uint8)
        self._chosen = lane.pair((BATCHES[-1],), torch.int64)
        forwards = {
            size: partial(_forward, network, self._pictures.there, self._chosen.there[:size])
            for size in BATCHES
        }
        # The largest first: the smaller ones then find room in what it has left behind.
        self._passes = {size: lane.prepared(forwards[size]) for size in reversed(BATCHES)}

    def put(self, row: int, rgb: Rgb) -> None:
        """Write a picture into a row and send it on its way; the device may be at work meanwhile."""
        self._pictures.here[row].numpy()[:] = rgb
        self._lane.upload(self._pictures, slice(row, row + 1))

    def run(self, rows: Sequence[int]) -> Outputs:
        """Compute the pictures of these rows."""
        self._chosen.here[: len(rows)].numpy()[:] = rows
        self._lane.upload(self._chosen, slice(0, len(rows)))
        outputs = self._lane.run(self._passes[len(rows)])
        return {name: values.numpy() for name, values in outputs.items()}


@torch.inference_mode()
def _forward(network: ShopNetwork, pictures: Tensor, chosen: Tensor) -> Tensors:
    outputs = network(pictures.index_select(0, chosen))
    return {name: outputs[name].float() for name in network.outputs}
