"""How a trained network's outputs are to be read: shares, temperature and thresholds, set on photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from imagineai_vision.network import ShopNetwork
from imagineai_vision.trunk import normalised
from training.branch.calibration import fit_gate, fit_temperature, thresholds
from training.branch.recipe import Recipe
from training.branch.shop_labels import ShopLabels, class_shares
from training.bundles.passes import Run, compiled, over_pictures
from training.photos.dataset import Dataset

_PHOTOS: Final = 800
"""Training photos from which the mass of the classes is known well enough."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read off photos.

    Attributes:
        arguments: Of the finished network.
        labels: All labels with their thresholds, as model.json has them.
    """

    arguments: dict[str, Any]
    labels: list[dict[str, Any]]


def read_off(network: ShopNetwork, shop: ShopLabels, dataset: Dataset, recipe: Recipe) -> Reading:
    """Return how the trained network is to be read.

    Args:
        network: Trained.
        shop: Its labels.
        dataset: Training photos say what ImageNet's head takes the labels for, validation photos how sure the
            branch may be; where there are none, training photos do.
        recipe: Parameters of the training.
    """
    run = compiled(Responses(network).eval(), recipe.served_size, ("embedding", "trained"))
    step = -(-len(dataset.train) // _PHOTOS)
    paths, labels = dataset.train.paths[::step], dataset.train.labels[::step]
    embedding, trained = _respond(run, paths, recipe.served_size, "reading train")
    with torch.inference_mode():
        mass = network.label_head.class_probabilities(embedding).mean(dim=0)
    shares = class_shares(mass.numpy(), shop.class_offsets, recipe.prior)
    if len(dataset.validation):
        paths, labels = dataset.validation.paths, dataset.validation.labels
        embedding, trained = _respond(run, paths, recipe.served_size, "reading validation")
    truth = torch.tensor(labels)
    with torch.inference_mode():
        handed = (network.label_head.class_probabilities(embedding) * torch.tensor(shares)).sum(dim=1)
    # Of photos that it was fitted to, a branch is too sure.
    temperature = fit_temperature(trained, truth) if len(dataset.validation) else 1.0
    learned = (trained / temperature).softmax(dim=1)[torch.arange(len(truth)), truth]
    arguments: dict[str, Any] = {
        "class_labels": shop.class_labels,
        "class_offsets": shop.class_offsets,
        "trained_labels": shop.trained_labels,
        "class_shares": shares,
        "branch_temperature": temperature,
        "gate": fit_gate(handed, learned, recipe.missed),
        "whole": recipe.full,
    }
    probabilities = _probabilities(network, arguments, embedding, trained)
    return Reading(arguments, _with_thresholds(shop, probabilities, truth.numpy()))


def _respond(run: Run, paths: Sequence[Path], size: int, what: str) -> tuple[Tensor, Tensor]:
    embedding, trained = over_pictures(run, paths, size, what)
    return torch.from_numpy(embedding), torch.from_numpy(trained)


def _probabilities(
    network: ShopNetwork, arguments: dict[str, Any], embedding: Tensor, trained: Tensor
) -> NDArray[np.float64]:
    """Return what the finished network would answer, shape (N, L)."""
    finished = ShopNetwork(**arguments).eval()
    finished.load_state_dict(network.state_dict())
    with torch.inference_mode():
        logits = finished.label_head.shared(embedding, trained / finished.branch_temperature)
    return logits.exp().double().numpy()


def _with_thresholds(
    shop: ShopLabels, probabilities: NDArray[np.float64], truth: NDArray[np.intp]
) -> list[dict[str, Any]]:
    """Give the trained labels the thresholds that validation photos call for."""
    answers = probabilities.argmax(axis=1)
    right = answers == np.array(shop.trained_labels)[truth]
    chosen = thresholds(probabilities.max(axis=1), answers, right, len(shop.labels))
    labels = [dict(label) for label in shop.labels]
    for index in shop.trained_labels:
        labels[index]["threshold"] = max(labels[index]["threshold"], chosen[index])
    return labels


class Responses(nn.Module):
    """Pictures to embeddings, shape (N, 1280), and the branch's logits, shape (N, K)."""

    def __init__(self, network: ShopNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        """Run one pass."""
        assert self.network.branch is not None  # noqa: S101  # only trained networks are read off
        pixels = normalised(rgb, torch.float32)
        stride16 = self.network.trunk.body(pixels).stride16
        embedding = self.network.trunk.tail(stride16).mean(dim=(2, 3))
        return embedding, self.network.branch(pixels if self.network.branch.whole else stride16)
