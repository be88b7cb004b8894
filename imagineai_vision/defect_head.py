"""The network's eyes for defects: a small decoder over the trunk's feature maps."""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from imagineai_vision.features import Features

_WIDTH: Final = 32


class DefectMaps(NamedTuple):
    """Logits of N pictures of side S.

    Attributes:
        presence: Shape (N, S/4, S/4); of a defect at this place.
        types: Shape (N, T, S/8, S/8); which of the T types it is, if there is one.
    """

    presence: Tensor
    types: Tensor


class DefectHead(nn.Module):
    """The trunk's features, from coarse to fine, to a map of where defects are and maps of what they are.

    Args:
        types: How many types it tells apart.
    """

    def __init__(self, types: int) -> None:
        super().__init__()
        self.from16 = nn.Conv2d(112, _WIDTH, 1)
        self.from8 = nn.Conv2d(40, _WIDTH, 1)
        self.from4 = nn.Conv2d(24, _WIDTH, 1)
        self.from2 = nn.Conv2d(4 * 16, _WIDTH, 1)
        self.whole = nn.Linear(112, _WIDTH)
        self.merge16 = nn.Sequential(Filter(_WIDTH), Filter(_WIDTH))
        self.merge8 = Filter(_WIDTH)
        self.merge4 = nn.Sequential(Filter(_WIDTH), Filter(_WIDTH))
        self.presence = nn.Conv2d(_WIDTH, 1, 1)
        self.kind = nn.Sequential(
            nn.Conv2d(2 * _WIDTH, _WIDTH, 1), Filter(_WIDTH), nn.Conv2d(_WIDTH, types, 1)
        )

    def forward(self, features: Features) -> DefectMaps:
        """Return the maps."""
        # What is odd on one product is the pattern of another: each place is told what the whole looks like.
        whole = self.whole(features.stride16.mean(dim=(2, 3)))[..., None, None]
        at16 = self.merge16(self.from16(features.stride16) + whole)
        at8 = self.merge8(self.from8(features.stride8) + _twice(at16))
        fine = self.from2(functional.pixel_unshuffle(features.stride2, 2))
        at4 = self.merge4(self.from4(features.stride4) + fine + _twice(at8))
        # What kind it is shows in fine lines as well as in their surroundings.
        types = self.kind(torch.cat((at8, functional.max_pool2d(at4, 2)), dim=1))
        return DefectMaps(self.presence(at4)[:, 0], types)


class Filter(nn.Module):
    """A filter of 3 by 3 places that is added to its input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same shape."""
        filtered: Tensor = functional.relu(self.norm(self.conv(features)))
        return features + filtered


def _twice(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2.0, mode="bilinear")
