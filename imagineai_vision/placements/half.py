"""A network in half precision, and where it must not be.

Halves have 11 bits and end at 65504 and at 6e-8: enough for most convolutions. Not for the first ones, whose
rounding all later ones hand on (`docs/agreement.md` has the figures); not for sums of probabilities, whose
smallest tell unlikely labels apart; not for the variances of batch normalisation.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

import torch
from torch import Tensor, nn

from imagineai_vision.label_head import LabelHead
from imagineai_vision.network import ShopNetwork
from imagineai_vision.trunk import ConvNorm, InvertedResidual

_EXACT_BLOCKS: Final = 2
"""So many blocks behind the stem stay in single precision, and the stem itself."""


def halved(network: ShopNetwork, dtype: torch.dtype = torch.float16) -> ShopNetwork:
    """Turn a network's later convolutions into half precision, in place.

    Args:
        network: In evaluation mode, in single precision; its trunk's normalisation is folded.
        dtype: float16, or bfloat16, which has 8 bits instead of 11.
    """
    for part in _later_convolutions(network):
        part.to(dtype)
    for part in network.modules():
        if isinstance(part, ConvNorm | nn.Conv2d | nn.Linear | LabelHead):
            part.register_forward_pre_hook(_in_its_own_precision)
    return network


def rounded(network: ShopNetwork, dtype: torch.dtype = torch.float16) -> ShopNetwork:
    """Round what ``halved`` rounds, but compute in single precision, in place.

    A stand-in for CPUs, which take seconds for a pass in halves: devices, too, add up in single precision and
    round what comes of it.
    """
    for part in _later_convolutions(network):
        for parameter in part.parameters():
            parameter.data = parameter.data.to(dtype).float()
        part.register_forward_hook(lambda _, __, features: features.to(dtype).float())
    for block in network.modules():
        if isinstance(block, InvertedResidual):
            block.register_forward_hook(lambda _, __, features: features.to(dtype).float())
    return network


def _later_convolutions(network: ShopNetwork) -> Iterator[nn.Module]:
    """Fold all normalisation of the trunk and the branch, and yield the convolutions that may be halves."""
    exact = set(chain.from_iterable(part.modules() for part in _first_parts(network)))
    for part in network.modules():
        if isinstance(part, ConvNorm):
            part.fold()
        if isinstance(part, ConvNorm | nn.Conv2d) and part not in exact:
            yield part


def _first_parts(network: ShopNetwork) -> Iterator[nn.Module]:
    yield network.trunk.stem
    yield from list(network.trunk.blocks)[:_EXACT_BLOCKS]
    if network.branch is not None and network.branch.stem is not None:
        yield network.branch.stem
        yield from list(network.branch.blocks)[:_EXACT_BLOCKS]


def _in_its_own_precision(part: nn.Module, inputs: tuple[Any, ...]) -> tuple[Tensor, ...]:
    dtype = next(part.parameters()).dtype
    return tuple(tensor.to(dtype) for tensor in inputs)
