"""The trunk, EfficientNet-Lite0, as ImageNet's weights know it.

Source: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019; the
Lite variants drop squeeze-and-excitation and use ReLU6. The padding is TensorFlow's, where the ImageNet
weights come from.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from imagineai_vision.features import Features

EMBEDDING_SIZE: Final = 1280
BODY_BLOCKS: Final = 11
TAIL_CHANNELS: Final = 320

# Blocks, kernel side, stride of the first block, expansion of the channels inside, channels out.
_STAGES: Final = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def normalised(rgb: Tensor, dtype: torch.dtype) -> Tensor:
    """Turn pictures, uint8, (N, H, W, 3), into the pixels that ImageNet's weights expect, (N, 3, H, W)."""
    return (rgb.permute(0, 3, 1, 2).to(dtype) - 127.0) / 128.0


class EfficientNetLite0(nn.Module):
    """Normalised pixels, float, shape (N, 3, H, W), to features of shape (N, 1280, H/32, W/32).

    The first eleven blocks, its body, see edges, textures and parts; the rest, its tail, sees things.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNorm(3, 32, kernel=3, stride=2)
        self.blocks = nn.Sequential(*blocks())
        self.top = ConvNorm(TAIL_CHANNELS, EMBEDDING_SIZE, kernel=1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the last feature map."""
        return self.tail(self.body(pixels).stride16)

    def body(self, pixels: Tensor) -> Features:
        """Run the stem and the first eleven blocks."""
        stride2 = self.blocks[:1](functional.relu6(self.stem(pixels)))
        stride4 = self.blocks[1:3](stride2)
        stride8 = self.blocks[3:5](stride4)
        return Features(stride2, stride4, stride8, self.blocks[5:BODY_BLOCKS](stride8))

    def tail(self, stride16: Tensor) -> Tensor:
        """Go on from the body's last feature map to the last one of all."""
        return functional.relu6(self.top(self.blocks[BODY_BLOCKS:](stride16)))


def blocks() -> list[nn.Module]:
    """Return the trunk's blocks, from the pixels to the tail's end."""
    made: list[nn.Module] = []
    channels = 32
    for count, kernel, stride, expansion, out in _STAGES:
        for number in range(count):
            made.append(InvertedResidual(channels, out, kernel, stride if number == 0 else 1, expansion))
            channels = out
    return made


class InvertedResidual(nn.Module):
    """Widen the channels, filter each by itself, narrow them again; added to the input where shapes agree."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = channels * expansion
        self.expand = ConvNorm(channels, inner, kernel=1) if expansion != 1 else None
        self.depthwise = ConvNorm(inner, inner, kernel=kernel, stride=stride, groups=inner)
        self.project = ConvNorm(inner, out, kernel=1)
        self.is_residual = stride == 1 and channels == out

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the block's output width, at its stride."""
        inner = features if self.expand is None else functional.relu6(self.expand(features))
        projected: Tensor = self.project(functional.relu6(self.depthwise(inner)))
        return features + projected if self.is_residual else projected


class ConvNorm(nn.Module):
    """A convolution without bias, padded as TensorFlow's "same", and its batch normalisation."""

    def __init__(self, channels: int, out: int, *, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.kernel, self.stride, self.is_folded = kernel, stride, False
        self.conv = nn.Conv2d(channels, out, kernel, stride, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(out, eps=1e-3, momentum=0.01)

    def forward(self, features: Tensor) -> Tensor:
        """Return the normalised features, before any activation."""
        high, wide = self._padding(features.shape[2]), self._padding(features.shape[3])
        before = high // 2, wide // 2
        # TensorFlow puts the odd pixel behind: at stride 2 the padding is not symmetric.
        if high % 2 or wide % 2:
            features = functional.pad(features, (before[1], wide - before[1], before[0], high - before[0]))
            before = 0, 0
        if self.is_folded:
            return functional.conv2d(
                features, self.conv.weight, self.norm.bias, self.stride, before, groups=self.conv.groups
            )
        convolved = functional.conv2d(
            features, self.conv.weight, None, self.stride, before, groups=self.conv.groups
        )
        normalised: Tensor = self.norm(convolved)
        return normalised

    def fold(self) -> None:
        """Move the normalisation's scale into the convolution, which is what both are in evaluation mode."""
        norm = self.norm
        assert norm.running_mean is not None  # noqa: S101  # statistics are always tracked
        assert norm.running_var is not None  # noqa: S101
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        with torch.no_grad():
            self.conv.weight.mul_(scale[:, None, None, None])
            norm.bias.sub_(norm.running_mean * scale)
            norm.weight.fill_(1.0).requires_grad_(False)
            norm.running_mean.zero_()
            norm.running_var.fill_(1.0 - norm.eps)
        self.is_folded = True

    def _padding(self, side: int) -> int:
        steps = -(-side // self.stride)
        return max((steps - 1) * self.stride + self.kernel - side, 0)
