"""The parameters of a training: section `train` of params.yaml."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Final

_OF_THE_CACHE: Final = ("seed", "size", "views")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a branch is trained.

    Attributes:
        seed: Of views, order, mixing and the head's first weights.
        size: Side of the training views in pixels.
        served_size: Side of the pictures that are answered, in pixels.
        views: Views of each photo that are cached, the plain one among them.
        epochs: Most passes over the photos.
        least_steps: Few photos are passed over more often, up to this many batches.
        batch: Photos in a batch, on each device.
        tail_rate: Highest learning rate of what was pretrained.
        head_rate: Highest learning rate of the new head.
        weight_decay: Of AdamW.
        smoothing: Share of each target that goes to all labels alike.
        mixup: Parameter of the beta distribution that photos are mixed by; 0 mixes none.
        dropout: Share of the pooled features left out at each step.
        patience: Epochs without a lower validation loss after which the training stops.
        accelerator: Lightning's: auto, cpu, gpu.
        devices: Lightning's: auto or a number.
        strategy: Lightning's: auto, ddp, fsdp.
        precision: Lightning's: 32-true, bf16-mixed, 16-mixed.
        workers: Processes that read pictures where everything is fine-tuned.
        full: Whether all of the network is fine-tuned instead of its tail.
        prior: Share of pictures that show a trained label, by which the classes' shares are weighed.
        missed: Share of the photos of trained labels that may be left to ImageNet's head.
        class_temperature: Of the softmax over ImageNet's classes.
        other_prior: Expected share of pictures that show no product.
        threshold: Probability under which a label that ImageNet alone knows is not answered.
    """

    seed: int
    size: int
    served_size: int
    views: int
    epochs: int
    least_steps: int
    batch: int
    tail_rate: float
    head_rate: float
    weight_decay: float
    smoothing: float
    mixup: float
    dropout: float
    patience: int
    accelerator: str
    devices: str
    strategy: str
    precision: str
    workers: int
    prior: float
    missed: float
    class_temperature: float
    other_prior: float
    threshold: float
    full: bool = False

    def key(self, *others: str) -> str:
        """Return what tells this training from others: a hash of all parameters and of other hashes."""
        return _hash(asdict(self), others)

    def cache_key(self, *others: str) -> str:
        """Return what tells the cache of features from others, in the same way."""
        return _hash({name: getattr(self, name) for name in _OF_THE_CACHE}, others)


def _hash(values: dict[str, object], others: tuple[str, ...]) -> str:
    return hashlib.sha256(json.dumps([values, others], sort_keys=True).encode()).hexdigest()[:16]
