"""The stage from good photos to a defect head, the rule that reads it, and its figures."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks.progress import TQDMProgressBar
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from imagineai_vision import picture
from imagineai_vision.defect_head import DefectHead, DefectMaps
from imagineai_vision.defects import DefectRule
from imagineai_vision.features import Features
from imagineai_vision.trunk import EfficientNetLite0, normalised
from training.branch.fitting import quieten
from training.bundles.passes import Run, compiled
from training.bundles.pretrained import pretrained
from training.defects.calibration import defect_rule
from training.defects.examples import examples
from training.defects.kinds import TYPES, Style
from training.defects.measure import Findings, Maps, look
from training.defects.module import DefectModule
from training.defects.recipe import DefectRecipe
from training.defects.rounds import Rounds
from training.folders import replacing
from training.photos.dataset import Dataset
from training.photos.sources import DataError

HEAD: Final = "head.safetensors"
RULE: Final = "rule.json"
METRICS: Final = "metrics.json"
OTHER_STYLE: Final = Style(size=(0.08, 0.38), width=(1.0, 3.2), contrast=(35.0, 90.0), softness=2.6)
"""Of the defects that measure the head: other ranges than those it learns from."""
_SHARES: Final = (0.02, 0.05)
"""Of good photos flagged, at which heads can be compared whatever their thresholds."""


@dataclass(frozen=True, slots=True)
class Taught:
    """A defect head and how it is read."""

    head: DefectHead
    rule: DefectRule
    metrics: dict[str, Any]


def teach(folder: Path, dataset: Dataset, recipe: DefectRecipe) -> dict[str, Any]:
    """Write a defect head, its rule and its figures; return the figures.

    Args:
        folder: Where to; there whole or not at all.
        dataset: Its photos count as good; training, validation and test see different ones.
        recipe: Parameters.

    Raises:
        DataError: There are too few photos to set a threshold on.
        OSError: A file cannot be written.
    """
    calibrating = dataset.validation.paths or dataset.train.paths
    judging = dataset.test.paths or calibrating
    quieten()
    lightning.seed_everything(recipe.seed, verbose=False)
    trunk = pretrained_trunk()
    body = compiled(_Body(trunk), recipe.size, Features._fields)
    head = DefectHead(len(TYPES))
    with replacing(folder) as partial:
        with tempfile.TemporaryDirectory(dir=partial) as work:
            _train(head, body, dataset.train.paths, recipe, Path(work))
        maps = look_through(trunk, head, recipe.size)
        calibration = _look(maps, calibrating, recipe, recipe.kinds, Style(), seed=1)
        rule = defect_rule(calibration, TYPES, recipe.edge, recipe.flagged_share)
        metrics = _figures(_look(maps, judging, recipe, TYPES, OTHER_STYLE, seed=2), rule)
        save_file(head.state_dict(), partial / HEAD)
        (partial / RULE).write_text(json.dumps(asdict(rule), indent=1) + "\n", encoding="utf-8")
        (partial / METRICS).write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    return metrics


def load_taught(folder: Path) -> Taught:
    """Read the folder that ``teach`` wrote.

    Raises:
        DataError: It is not there.
    """
    if not (folder / RULE).is_file():
        raise DataError(f"{folder} holds no defect head; `dvc repro defects` makes one.")
    rule = DefectRule.read(json.loads((folder / RULE).read_bytes()))
    head = DefectHead(len(rule.types)).eval()
    head.load_state_dict(load_file(folder / HEAD))
    return Taught(head, rule, json.loads((folder / METRICS).read_bytes()))


class _Body(nn.Module):
    """Pictures to the trunk's feature maps, or, with a head, to that head's maps."""

    def __init__(self, trunk: EfficientNetLite0, head: DefectHead | None = None) -> None:
        super().__init__()
        self.trunk, self.head = trunk, head

    def forward(self, rgb: Tensor) -> tuple[Tensor, ...]:
        """Return the fields of ``Features`` or of ``DefectMaps``."""
        features = self.trunk.body(normalised(rgb, torch.float32))
        return tuple(features if self.head is None else self.head(features))


def pretrained_trunk() -> EfficientNetLite0:
    """Return the trunk with ImageNet's weights, in evaluation mode."""
    trunk = EfficientNetLite0()
    prefix = "trunk."
    weights = {k.removeprefix(prefix): v for k, v in pretrained().items() if k.startswith(prefix)}
    trunk.load_state_dict(weights, strict=False)
    return trunk.eval()


def _train(head: DefectHead, body: Run, photos: Sequence[Path], recipe: DefectRecipe, work: Path) -> None:
    trainer = lightning.Trainer(
        max_epochs=recipe.rounds * recipe.epochs,
        reload_dataloaders_every_n_epochs=recipe.epochs,
        callbacks=[TQDMProgressBar()],
        devices=1,  # each further one would start the stage again beside this one
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        default_root_dir=work,
    )
    module = DefectModule(head, recipe.learning_rate, recipe.steps)
    trainer.fit(module, datamodule=Rounds(photos, body, recipe, work / "round"))
    head.eval().cpu()


def look_through(trunk: EfficientNetLite0, head: DefectHead, size: int) -> Maps:
    """Return what a head sees as a function of pictures of a size, computed as it will be when served."""
    run = compiled(_Body(trunk, head).eval(), size, DefectMaps._fields)

    def maps(rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        presence, types = run(rgb[None])
        return presence[0], types[0]

    return maps


def _look(
    maps: Maps, photos: Sequence[Path], recipe: DefectRecipe, kinds: Sequence[str], style: Style, seed: int
) -> Findings:
    """Look at the photos as they are, and at painted ones."""
    painted = examples(photos, recipe.checks, kinds, style, recipe.size, recipe.seed + seed, grounds=False)
    findings = look(painted, maps, recipe.edge)
    for photo in photos:
        findings.add_good(maps(picture.read(photo.read_bytes(), recipe.size)), recipe.edge)
    return findings


def _figures(findings: Findings, rule: DefectRule) -> dict[str, Any]:
    good, searches = np.array(findings.plain_scores), findings.searches
    contrasts = {kind: [s.contrast for s in searches if s.kind == kind] for kind in TYPES}
    return {
        "good_photos": len(good),
        "good_flagged": round(float((good >= rule.threshold).mean()), 4),
        "defects": len(searches),
        "contrast": round(float(np.mean([search.contrast for search in searches])), 1),
        "contrast_by_type": {kind: round(float(np.mean(of)), 1) for kind, of in contrasts.items() if of},
        "found": findings.found(rule.threshold),
        "type_right": findings.named_right(rule.threshold),
        "found_by_type": {kind: findings.found(rule.threshold, kind) for kind in TYPES},
        "found_at_flagged": {str(share): findings.found(findings.threshold(share)) for share in _SHARES},
    }
