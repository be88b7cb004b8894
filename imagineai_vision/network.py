"""The network: EfficientNet-Lite0 as a shared trunk, and on it a label head and the embedding.

Source: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019; the
Lite variants drop squeeze-and-excitation and use ReLU6. The padding is TensorFlow's, where the ImageNet
weights come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

EMBEDDING_SIZE: Final = 1280

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


class Outputs(NamedTuple):
    """What one pass yields for N pictures and L labels.

    Attributes:
        label_logits: Float, shape (N, L); their softmax gives the labels' probabilities.
        embedding: Float, shape (N, 1280); the pooled features under the label head.
    """

    label_logits: Tensor
    embedding: Tensor


class ShopNetwork(nn.Module):
    """Pictures in, label logits and embeddings out.

    Args:
        class_labels: For each class of the classifier the index of its label; several classes may share one.
        class_offsets: For each class what is added to its logit: the log of how much more frequent it is in a
            shop than in the training data.
    """

    def __init__(self, class_labels: Sequence[int], class_offsets: Sequence[float]) -> None:
        super().__init__()
        self.trunk = EfficientNetLite0()
        self.label_head = LabelHead(class_labels, class_offsets)

    def forward(self, rgb: Tensor) -> Outputs:
        """Run one pass.

        Args:
            rgb: Pictures as ``picture.read`` returns them, uint8, shape (N, H, W, 3).
        """
        pixels = (rgb.permute(0, 3, 1, 2).to(self.trunk.stem.conv.weight.dtype) - 127.0) / 128.0
        embedding = self.trunk(pixels).mean(dim=(2, 3))
        return Outputs(self.label_head(embedding), embedding)


def load_network(arguments: dict[str, Any], weights: Path) -> ShopNetwork:
    """Build the network of a bundle in evaluation mode, in single precision, on the CPU.

    Args:
        arguments: Of ``ShopNetwork``, as model.json has them.
        weights: The bundle's safetensors file.

    Raises:
        RuntimeError: The file's weights are not those of this network.
    """
    network = ShopNetwork(**arguments).eval()
    # Batch counters are of use to training alone: no bundle has them.
    counters = {k: v for k, v in network.state_dict().items() if k.endswith("num_batches_tracked")}
    stored = {name: tensor.float() for name, tensor in load_file(weights).items()}
    network.load_state_dict({**counters, **stored})
    return network


class LabelHead(nn.Module):
    """A linear classifier whose classes are summed into labels, in probability."""

    membership: Tensor
    offsets: Tensor

    def __init__(self, class_labels: Sequence[int], class_offsets: Sequence[float]) -> None:
        super().__init__()
        self.classes = nn.Linear(EMBEDDING_SIZE, len(class_labels))
        membership = functional.one_hot(torch.tensor(class_labels), max(class_labels) + 1)
        self.register_buffer("membership", membership.to(torch.uint8), persistent=False)
        self.register_buffer("offsets", torch.tensor(class_offsets), persistent=False)

    def forward(self, embedding: Tensor) -> Tensor:
        """Return label logits, shape (N, L): the logsumexp of each label's classes."""
        logits = self.classes(embedding) + self.offsets
        logits = logits - logits.amax(dim=1, keepdim=True)
        shares: Tensor = logits.exp() @ self.membership.to(logits.dtype)
        return shares.clamp_min(1e-30).log()


class EfficientNetLite0(nn.Module):
    """Normalised pixels, float, shape (N, 3, H, W), to features of shape (N, 1280, H/32, W/32)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNorm(3, 32, kernel=3, stride=2)
        blocks: list[nn.Module] = []
        channels = 32
        for count, kernel, stride, expansion, out in _STAGES:
            for number in range(count):
                blocks.append(
                    InvertedResidual(channels, out, kernel, stride if number == 0 else 1, expansion)
                )
                channels = out
        self.blocks = nn.Sequential(*blocks)
        self.top = ConvNorm(channels, EMBEDDING_SIZE, kernel=1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the last feature map."""
        features: Tensor = functional.relu6(self.stem(pixels))
        return functional.relu6(self.top(self.blocks(features)))


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
        self.kernel, self.stride = kernel, stride
        self.conv = nn.Conv2d(channels, out, kernel, stride, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(out, eps=1e-3, momentum=0.01)

    def forward(self, features: Tensor) -> Tensor:
        """Return the normalised features, before any activation."""
        bottom, right = self._padding(features.shape[2]), self._padding(features.shape[3])
        # TensorFlow puts the odd pixel behind: at stride 2 the padding is not symmetric.
        padded = functional.pad(features, (right // 2, right - right // 2, bottom // 2, bottom - bottom // 2))
        normalised: Tensor = self.norm(self.conv(padded))
        return normalised

    def _padding(self, side: int) -> int:
        steps = -(-side // self.stride)
        return max((steps - 1) * self.stride + self.kernel - side, 0)
