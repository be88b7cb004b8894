"""The network: EfficientNet-Lite0 as a shared trunk; on it a label head, a trained branch and the embedding.

Source: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019; the
Lite variants drop squeeze-and-excitation and use ReLU6. The padding is TensorFlow's, where the ImageNet
weights come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from imagineai_vision.bundle import DEFECT_OUTPUTS, LABEL_OUTPUTS
from imagineai_vision.defect_head import DefectHead
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


Outputs = dict[str, Tensor]
"""What one pass yields for N pictures of side S, by name; ``ShopNetwork.outputs`` lists the names.

label_logits: Float, shape (N, L); their softmax gives the probabilities of the L labels.
embedding: Float, shape (N, 1280); the pooled features under the label head.
defect_presence, defect_types: As ``DefectMaps`` has them; only where there is a defect head.
"""


class ShopNetwork(nn.Module):
    """Pictures in; label logits, embeddings and maps of defects out.

    Args:
        class_labels: For each class of the classifier the index of its label; several classes may share one.
        class_offsets: For each class what is added to its logit: the log of how much more frequent it is in a
            shop than in the training data.
        trained_labels: For each label of the branch the index of its label; empty where there is no branch.
        class_shares: For each class the share of its probability that it hands to the branch's labels.
        branch_temperature: Of the softmax over the branch's labels.
        gate: Slope and offset that turn the log odds of what classes hand over into those of a trained label.
        whole: Whether the branch begins at the pixels instead of where the trunk's body ends.
        defect_types: How many types of defects are told apart; 0 for no defect head.
    """

    def __init__(
        self,
        class_labels: Sequence[int],
        class_offsets: Sequence[float],
        trained_labels: Sequence[int] = (),
        class_shares: Sequence[float] = (),
        branch_temperature: float = 1.0,
        gate: Sequence[float] = (1.0, 0.0),
        whole: bool = False,
        defect_types: int = 0,
    ) -> None:
        super().__init__()
        self.trunk = EfficientNetLite0()
        self.label_head = LabelHead(class_labels, class_offsets, trained_labels, class_shares, gate)
        self.branch = Branch(len(trained_labels), whole) if trained_labels else None
        self.branch_temperature = branch_temperature
        self.defect_head = DefectHead(defect_types) if defect_types else None

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of what a pass yields, in order."""
        return LABEL_OUTPUTS if self.defect_head is None else (*LABEL_OUTPUTS, *DEFECT_OUTPUTS)

    def forward(self, rgb: Tensor) -> Outputs:
        """Run one pass.

        Args:
            rgb: Pictures as ``picture.read`` returns them, uint8, shape (N, H, W, 3).
        """
        pixels = normalised(rgb, self.trunk.stem.conv.weight.dtype)
        features = self.trunk.body(pixels)
        embedding = self.trunk.tail(features.stride16).mean(dim=(2, 3))
        if self.branch is None:
            logits = self.label_head(embedding)
        else:
            trained = self.branch(pixels if self.branch.whole else features.stride16)
            logits = self.label_head.shared(embedding, trained / self.branch_temperature)
        outputs = dict(zip(LABEL_OUTPUTS, (logits, embedding), strict=True))
        if self.defect_head is not None:
            outputs.update(zip(DEFECT_OUTPUTS, self.defect_head(features), strict=True))
        return outputs


def normalised(rgb: Tensor, dtype: torch.dtype) -> Tensor:
    """Turn pictures, uint8, (N, H, W, 3), into the pixels that ImageNet's weights expect, (N, 3, H, W)."""
    return (rgb.permute(0, 3, 1, 2).to(dtype) - 127.0) / 128.0


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
    """A linear classifier whose classes are summed into labels, in probability.

    Where labels were trained, each class hands a share of its probability to them; a logistic curve makes the
    sum of it the probability that the picture shows one of them. So all labels form one distribution.
    """

    membership: Tensor
    offsets: Tensor
    trained_membership: Tensor
    shares: Tensor

    def __init__(
        self,
        class_labels: Sequence[int],
        class_offsets: Sequence[float],
        trained_labels: Sequence[int] = (),
        class_shares: Sequence[float] = (),
        gate: Sequence[float] = (1.0, 0.0),
    ) -> None:
        super().__init__()
        self.slope, self.offset = gate
        self.classes = nn.Linear(EMBEDDING_SIZE, len(class_labels))
        labels = max((*class_labels, *trained_labels)) + 1
        membership = functional.one_hot(torch.tensor(class_labels), labels)
        self.register_buffer("membership", membership.to(torch.uint8), persistent=False)
        self.register_buffer("offsets", torch.tensor(class_offsets), persistent=False)
        if trained_labels:
            membership = functional.one_hot(torch.tensor(trained_labels), labels)
            self.register_buffer("trained_membership", membership.to(torch.uint8), persistent=False)
            self.register_buffer("shares", torch.tensor(class_shares), persistent=False)

    def forward(self, embedding: Tensor) -> Tensor:
        """Return label logits, shape (N, L): the logsumexp of each label's classes."""
        shares: Tensor = self._odds(embedding) @ self.membership.to(embedding.dtype)
        return shares.clamp_min(1e-30).log()

    def shared(self, embedding: Tensor, trained: Tensor) -> Tensor:
        """Return the logs of the labels' probabilities, shape (N, L).

        Args:
            embedding: Shape (N, 1280).
            trained: The branch's logits at temperature 1, shape (N, K).
        """
        classes = self.class_probabilities(embedding)
        handed = (classes * self.shares).sum(dim=1, keepdim=True).clamp(1e-6, 1 - 1e-6)
        kept = (classes * (1 - self.shares)) @ self.membership.to(classes.dtype) / (1 - handed)
        learned = trained.softmax(dim=1) @ self.trained_membership.to(classes.dtype)
        shown = (self.slope * (handed.log() - (1 - handed).log()) + self.offset).sigmoid()
        probabilities: Tensor = kept * (1 - shown) + shown * learned
        return probabilities.clamp_min(1e-30).log()

    def class_probabilities(self, embedding: Tensor) -> Tensor:
        """Return the probability of each class in a shop, shape (N, C)."""
        odds = self._odds(embedding)
        probabilities: Tensor = odds / odds.sum(dim=1, keepdim=True)
        return probabilities

    def _odds(self, embedding: Tensor) -> Tensor:
        """Return the classes' odds, shape (N, C), the largest of each picture 1."""
        logits = self.classes(embedding) + self.offsets
        odds: Tensor = (logits - logits.amax(dim=1, keepdim=True)).exp()
        return odds


class Branch(nn.Module):
    """A fine-tuned copy of the trunk's tail, or of all of it, and a linear head for the labels it learned.

    Args:
        labels: Number K of labels.
        whole: Whether it begins at the pixels; else where the trunk's body ends.
    """

    def __init__(self, labels: int, whole: bool) -> None:
        super().__init__()
        self.whole = whole
        self.stem = ConvNorm(3, 32, kernel=3, stride=2) if whole else None
        self.blocks = nn.Sequential(*_blocks()[0 if whole else BODY_BLOCKS :])
        self.top = ConvNorm(TAIL_CHANNELS, EMBEDDING_SIZE, kernel=1)
        self.head = nn.Linear(EMBEDDING_SIZE, labels)

    def start_from(self, trunk: EfficientNetLite0) -> None:
        """Take over the trunk's weights; the head keeps its own."""
        if self.stem is not None:
            self.stem.load_state_dict(trunk.stem.state_dict())
        first = len(trunk.blocks) - len(self.blocks)
        for own, block in zip(self.blocks, list(trunk.blocks)[first:], strict=True):
            own.load_state_dict(block.state_dict())
        self.top.load_state_dict(trunk.top.state_dict())

    def fold(self) -> None:
        """Fold all normalisation into the convolutions, so that training on a CPU takes half the time."""
        for part in self.modules():
            if isinstance(part, ConvNorm):
                part.fold()

    def forward(self, start: Tensor) -> Tensor:
        """Return logits, shape (N, K).

        Args:
            start: Normalised pixels where the branch is whole, else the body's features at stride 16.
        """
        logits: Tensor = self.head(self.pooled(start))
        return logits

    def pooled(self, start: Tensor) -> Tensor:
        """Return the features under the head, shape (N, 1280)."""
        features = start if self.stem is None else functional.relu6(self.stem(start))
        return functional.relu6(self.top(self.blocks(features))).mean(dim=(2, 3))


class EfficientNetLite0(nn.Module):
    """Normalised pixels, float, shape (N, 3, H, W), to features of shape (N, 1280, H/32, W/32).

    The first eleven blocks, its body, see edges, textures and parts; the rest, its tail, sees things.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNorm(3, 32, kernel=3, stride=2)
        self.blocks = nn.Sequential(*_blocks())
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


def _blocks() -> list[nn.Module]:
    blocks: list[nn.Module] = []
    channels = 32
    for count, kernel, stride, expansion, out in _STAGES:
        for number in range(count):
            blocks.append(InvertedResidual(channels, out, kernel, stride if number == 0 else 1, expansion))
            channels = out
    return blocks


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
