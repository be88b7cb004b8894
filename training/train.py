"""Fine-tune a branch of the network on the prepared photos. Stage `train`.

What it computes on the way lies in a work folder, keyed by data, parameters and the code that features come
out of: a run that was killed goes on from there when it is started again; one that has ended leaves no
checkpoints, as its code may be another the next time.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict
from pathlib import Path

import torch

from imagineai_vision.network import ShopNetwork
from training.branch.fitting import fit, forget
from training.branch.reading import read_off
from training.branch.recipe import Recipe
from training.branch.shop_labels import ShopLabels, join
from training.branch.trained import save_trained
from training.bundles.pretrained import pretrained
from training.parameters import add_arguments, from_options
from training.photos.dataset import load_dataset
from training.photos.sources import DataError
from training.registry.model_versions import WEIGHTS_TAG
from training.registry.tracking import open_log


def main() -> int:
    """Train; a failure is one sentence on stderr and exit code 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("outputs/prepare"))
    parser.add_argument("--work", type=Path, default=Path("outputs/work"))
    parser.add_argument("--out", type=Path, default=Path("outputs/train"))
    add_arguments(parser, Recipe)
    options = parser.parse_args()
    try:
        train(options.out, options.data, options.work, from_options(options, Recipe))
    except (DataError, OSError) as error:
        sys.stderr.write(f"Nothing was trained: {error}\n")
        return 1
    return 0


def train(folder: Path, data: Path, work: Path, recipe: Recipe) -> dict[str, float]:
    """Write the trained network and how it is read; return the last metrics of the training.

    Args:
        folder: Where to; there whole or not at all.
        data: What `prepare` wrote.
        work: Outlives a killed run: cache and checkpoints.
        recipe: Parameters.

    Raises:
        DataError: There are no prepared photos.
        OSError: A file cannot be written.
    """
    dataset = load_dataset(data)
    shop = join(dataset.labels, recipe.other_prior, recipe.threshold)
    network = _network(shop, recipe)
    log = open_log(
        os.environ.get("MODEL_NAME", "imagineai"),
        f"train {recipe.key(dataset.sha256)}",
        {
            "data.sha256": dataset.sha256,
            "test_split.sha256": dataset.test_sha256,
        },
    )
    if log:
        log.log_hyperparams(asdict(recipe))
        for name in ("report.md", "samples.jpg"):
            log.experiment.log_artifact(log.run_id, str(data / name), "data")
    metrics = fit(network, dataset, recipe, work, log or False)
    reading = read_off(network, shop, dataset, recipe)
    sha256 = save_trained(
        folder,
        network.state_dict(),
        arguments=reading.arguments,
        labels=reading.labels,
        size=recipe.served_size,
        recipe=asdict(recipe),
    )
    if log:
        log.experiment.set_tag(log.run_id, WEIGHTS_TAG, sha256)
    forget(work)
    return metrics


def _network(shop: ShopLabels, recipe: Recipe) -> ShopNetwork:
    """Return the pretrained network with a branch yet to be trained."""
    torch.manual_seed(recipe.seed)
    network = ShopNetwork(
        shop.class_labels,
        shop.class_offsets,
        shop.trained_labels,
        [0.0] * len(shop.class_labels),
        whole=recipe.full,
    )
    network.load_state_dict(pretrained(), strict=False)
    network.label_head.sharpen(recipe.class_temperature)
    return network.eval()


if __name__ == "__main__":
    sys.exit(main())
