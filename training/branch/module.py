"""The training of a branch: loss, augmentation between photos, optimiser; the network is handed in."""

from __future__ import annotations

from typing import Any

import lightning
import torch
from torch import Tensor
from torch.nn import functional

from imagineai_vision.branch import Branch

Batch = tuple[Tensor, Tensor]
"""What the branch begins at, and the index of each photo's label."""


class BranchTraining(lightning.LightningModule):  # type: ignore[misc]  # lightning is not typed
    """Fits a branch to labelled photos.

    Args:
        branch: What is trained, all of it; its normalisation is folded, as small batches would only blur it.
        seed: Of mixing and dropout; with the epoch's number, so that a resumed run repeats nothing.
        tail_rate: Highest learning rate of what was pretrained.
        head_rate: Highest learning rate of the new head.
        weight_decay: Of AdamW, on matrices.
        smoothing: Share of each target that goes to all labels alike.
        mixup: Parameter of the beta distribution that photos are mixed by; 0 mixes none.
        dropout: Share of the pooled features left out at each step.
    """

    def __init__(
        self,
        branch: Branch,
        *,
        seed: int,
        tail_rate: float,
        head_rate: float,
        weight_decay: float,
        smoothing: float,
        mixup: float,
        dropout: float,
    ) -> None:
        super().__init__()
        self.branch, self.seed = branch, seed
        self.tail_rate, self.head_rate, self.weight_decay = tail_rate, head_rate, weight_decay
        self.smoothing, self.mixup, self.dropout = smoothing, mixup, dropout

    def on_train_epoch_start(self) -> None:
        """Make chance follow from seed, epoch and device, as in a run that was never interrupted."""
        torch.manual_seed(self.seed + 1000 * self.current_epoch + self.global_rank)

    def training_step(self, batch: Batch, number: int) -> Tensor:
        """Return the loss of a batch whose photos are mixed in pairs."""
        start, labels = batch[0].float(), batch[1]
        targets = functional.one_hot(labels, self.branch.head.out_features).float()
        if self.mixup > 0:
            share = torch.distributions.Beta(self.mixup, self.mixup).sample().to(start.device)
            order = torch.randperm(len(labels), device=start.device)
            start = torch.lerp(start[order], start, share)
            targets = torch.lerp(targets[order], targets, share)
        pooled = functional.dropout(self.branch.pooled(_channels_last(start)), self.dropout)
        loss = functional.cross_entropy(self.branch.head(pooled), targets, label_smoothing=self.smoothing)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(labels))
        return loss

    def validation_step(self, batch: Batch, number: int) -> None:
        """Log loss and accuracy over the trained labels."""
        start, labels = batch
        logits = self.branch(_channels_last(start))
        values = {
            "validation_loss": functional.cross_entropy(logits, labels),
            "validation_accuracy": (logits.argmax(dim=1) == labels).float().mean(),
        }
        self.log_dict(values, prog_bar=True, batch_size=len(labels), sync_dist=True)

    def configure_optimizers(self) -> dict[str, Any]:
        """Return AdamW and a schedule that warms up for a fifth of the steps, then falls to nothing."""
        head = list(self.branch.head.parameters())
        rest = [weight for name, weight in self.branch.named_parameters() if not name.startswith("head.")]
        groups = [
            {"params": [weight for weight in rest if weight.ndim > 1], "weight_decay": self.weight_decay},
            {"params": [weight for weight in rest if weight.ndim == 1], "weight_decay": 0.0},
            {"params": head, "weight_decay": self.weight_decay},
        ]
        optimizer = torch.optim.AdamW(groups, lr=self.tail_rate)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            max_lr=[self.tail_rate, self.tail_rate, self.head_rate],
            total_steps=int(self.trainer.estimated_stepping_batches),
            pct_start=0.2,
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _channels_last(start: Tensor) -> Tensor:
    """Return single precision, channels last in memory: what a CPU convolves fastest."""
    return start.float().contiguous(memory_format=torch.channels_last)
