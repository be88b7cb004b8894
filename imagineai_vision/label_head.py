"""The label head: classes summed into labels, and those that a branch learned joined to them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from imagineai_vision.trunk import EMBEDDING_SIZE


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

    def sharpen(self, temperature: float) -> None:
        """Divide the classes' logits by a temperature, for good: on larger pictures they come out flatter."""
        with torch.no_grad():
            self.classes.weight.div_(temperature)
            self.classes.bias.div_(temperature)

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
