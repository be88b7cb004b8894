"""The LightningModule that teaches a defect head to see what was painted."""

from __future__ import annotations

from typing import Any, Final

import lightning
import torch
from torch import Tensor
from torch.nn import functional

from imagineai_vision.defect_head import DefectHead
from imagineai_vision.features import Features
from training.defects.examples import NO_TYPE

_FOCUS: Final = 2.0
"""The focal loss's gamma: how fast what is known already loses its say."""
_SURELY_THERE: Final = 8
"""How many of a picture's surest places decide whether the whole of it is taken for defective."""


class DefectModule(lightning.LightningModule):  # type: ignore[misc]  # lightning is not typed
    """Focal loss for where, cross-entropy for what, and the whole picture's surest places for whether.

    Args:
        head: What is trained.
        learning_rate: Peak of the one-cycle schedule.
        steps: Length of the schedule.

    Source:
        Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017.
    """

    def __init__(self, head: DefectHead, learning_rate: float, steps: int) -> None:
        super().__init__()
        self.head = head
        self._learning_rate, self._steps = learning_rate, steps

    def training_step(self, batch: dict[str, Tensor], number: int) -> Tensor:
        """Return the loss of a batch."""
        loss = self._loss(batch)
        self.log("defect_loss", loss, prog_bar=True)
        return loss

    def configure_optimizers(self) -> dict[str, Any]:
        """AdamW under one cycle, stepped per batch."""
        optimizer = torch.optim.AdamW(self.head.parameters(), self._learning_rate, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self._learning_rate, total_steps=self._steps, pct_start=0.15
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _loss(self, batch: dict[str, Tensor]) -> Tensor:
        features = Features(*(_of(batch[name]) for name in Features._fields))
        maps = self.head(features)
        is_there = (batch["presence"] > 0).float()
        place = _focal(maps.presence, is_there, _weights(batch["presence"]))
        surest = maps.presence.flatten(1).topk(_SURELY_THERE).values.mean(dim=1)
        whole = functional.binary_cross_entropy_with_logits(surest, is_there.flatten(1).amax(dim=1))
        types = batch["types"].long()
        kind = functional.cross_entropy(maps.types, types, ignore_index=NO_TYPE)
        # A batch without any defect has no type to be wrong about.
        return place + 0.4 * whole + 0.1 * torch.nan_to_num(kind)


def _of(stored: Tensor) -> Tensor:
    """Turn stored features, channels last, into what a head takes: the same memory, seen as (N, C, H, W)."""
    return stored.float().permute(0, 3, 1, 2)


def _focal(logits: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    loss = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    surprise = (truth - logits.sigmoid()).abs()
    return (weights * surprise**_FOCUS * loss).sum() / weights.sum() * 10


def _weights(presence: Tensor) -> Tensor:
    """Let each defect count by the root of its area: a scratch is not lost beside a stain."""
    pictures = presence.shape[0]
    numbers = presence.long() + 256 * torch.arange(pictures, device=presence.device)[:, None, None]
    areas = torch.bincount(numbers.flatten(), minlength=256 * pictures).float().clamp_min(1)
    weights = (200 / areas).sqrt().clamp(0.7, 6)[numbers]
    return torch.where(presence > 0, weights, torch.ones_like(weights))
