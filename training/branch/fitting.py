"""One training by Lightning: what it resumes from, when it stops, which weights it keeps."""

from __future__ import annotations

import logging
import shutil
import warnings
from pathlib import Path
from typing import Any, Final

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.callbacks.progress import TQDMProgressBar

from imagineai_vision.network import ShopNetwork
from training.branch.data import PhotoData
from training.branch.feature_code import code_sha256
from training.branch.module import BranchTraining
from training.branch.recipe import Recipe
from training.photos.dataset import Dataset

_CHECKPOINTS: Final = "checkpoints"


def fit(network: ShopNetwork, dataset: Dataset, recipe: Recipe, work: Path, log: Any) -> dict[str, float]:
    """Train the network's branch; where an earlier call was killed, go on from its last epoch.

    Whoever has put the weights in safety calls ``forget``.

    Args:
        network: With a branch; it is left with the weights of the epoch whose validation loss is lowest.
        dataset: Prepared photos.
        recipe: Parameters.
        work: A folder for cache and checkpoints that outlives the process.
        log: Lightning's logger; False for none.

    Returns:
        The last values of what was logged.
    """
    quieten()
    lightning.seed_everything(recipe.seed, verbose=False)
    assert network.branch is not None  # noqa: S101  # callers build one
    network.branch.start_from(network.trunk)
    network.branch.fold()
    checkpoints = work / _CHECKPOINTS / recipe.key(dataset.sha256, code_sha256())
    _drop_others(checkpoints)
    data = _data(network, dataset, recipe, work)
    module = BranchTraining(
        network.branch,
        seed=recipe.seed,
        tail_rate=recipe.tail_rate,
        head_rate=recipe.head_rate,
        weight_decay=recipe.weight_decay,
        smoothing=recipe.smoothing,
        mixup=recipe.mixup,
        dropout=recipe.dropout,
    )
    keeper, callbacks = _callbacks(checkpoints, recipe, watched=len(dataset.validation) > 0)
    trainer = lightning.Trainer(
        accelerator=recipe.accelerator,
        devices=recipe.devices if recipe.devices == "auto" else int(recipe.devices),
        strategy=recipe.strategy,
        precision=recipe.precision,
        max_epochs=_epochs(recipe, len(dataset.train)),
        callbacks=callbacks,
        logger=log,
        deterministic=True,
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        limit_val_batches=1.0 if len(dataset.validation) else 0,
        log_every_n_steps=10,
        enable_model_summary=False,
        default_root_dir=work,
    )
    last = checkpoints / "last.ckpt"
    trainer.fit(module, datamodule=data, ckpt_path=last if last.exists() else None, weights_only=True)
    kept = torch.load(keeper.best_model_path or last, map_location="cpu", weights_only=True)["state_dict"]
    network.branch.load_state_dict({name.removeprefix("branch."): value for name, value in kept.items()})
    network.eval().cpu()
    return {name: float(value) for name, value in trainer.callback_metrics.items()}


def forget(work: Path) -> None:
    """Remove the checkpoints of a training that has ended: after a change of its code it is to begin anew.

    Args:
        work: As ``fit`` got it.
    """
    # Where there are several devices, the process of another may be at it too.
    shutil.rmtree(work / _CHECKPOINTS, ignore_errors=True)


def _data(network: ShopNetwork, dataset: Dataset, recipe: Recipe, work: Path) -> PhotoData:
    cache = work / "features" / recipe.cache_key(dataset.sha256, code_sha256())
    _drop_others(cache)
    return PhotoData(
        dataset.train,
        dataset.validation,
        None if recipe.full else network.trunk.eval(),
        cache,
        size=recipe.size,
        views=recipe.views,
        batch=recipe.batch,
        seed=recipe.seed,
        workers=recipe.workers,
    )


def _callbacks(folder: Path, recipe: Recipe, *, watched: bool) -> tuple[ModelCheckpoint, list[Callback]]:
    monitor = "validation_loss" if watched else None
    keeper = ModelCheckpoint(
        dirpath=folder, filename="best", monitor=monitor, save_last=True, enable_version_counter=False
    )
    callbacks: list[Callback] = [keeper, TQDMProgressBar()]
    if watched:
        callbacks.append(EarlyStopping(monitor="validation_loss", patience=recipe.patience))
    return keeper, callbacks


def _epochs(recipe: Recipe, photos: int) -> int:
    """Return the passes over the photos; few photos are passed over more often."""
    batches = -(-photos // recipe.batch)
    return max(recipe.epochs, -(-recipe.least_steps // batches))


def _drop_others(folder: Path) -> None:
    """Make the folder and remove those beside it: large work for other data, parameters or code."""
    folder.mkdir(parents=True, exist_ok=True)
    for other in folder.parent.iterdir():
        if other != folder:
            shutil.rmtree(other)


def quieten() -> None:
    """Keep Lightning's advice off the terminal."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
