"""The branch: what was fine-tuned for labels that ImageNet does not know, beside the trunk it began as."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from imagineai_vision.trunk import (
    BODY_BLOCKS,
    EMBEDDING_SIZE,
    TAIL_CHANNELS,
    ConvNorm,
    EfficientNetLite0,
    blocks,
)


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
        self.blocks = nn.Sequential(*blocks()[0 if whole else BODY_BLOCKS :])
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
