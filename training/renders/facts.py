"""What is known of a rendered picture because it was rendered: its colour and its material."""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from imagineai_vision.color import main_colors, to_lab
from training.renders.mesh import Mesh
from training.renders.rendering import Rendered

_OPAQUE: Final = 0.5
_MAIN_SHARE: Final = 0.6
_WORDS: Final = {
    "glass": r"glass|verre|crystal",
    "metal": r"metal|chrome|alumin|steel|iron|inox|brass",
    "wood": r"wood|bois|oak|pine|teak|walnut|madera",
    "plastic": r"plasti",
    "leather": r"leather|cuir",
    "fabric": r"fabric|cloth|tissu|textile|cotton|linen",
    "ceramic": r"ceramic|porcelain",
    "rubber": r"rubber|tires?\b",
}
"""Words in authors' names of materials, by the material of the vocabulary."""


def main_color(rendered: Rendered) -> str:
    """Return the name of the product's own main colour, without light; empty where one looks through it."""
    if not rendered.mask.any() or rendered.opacity[rendered.mask].mean() < _OPAQUE:
        return ""
    lab = to_lab(rendered.albedo[rendered.mask])
    return main_colors(lab, rendered.opacity[rendered.mask])[0].value


def main_material(rendered: Rendered, mesh: Mesh) -> str:
    """Return the material of most of what is seen of the product; empty where no name tells it."""
    seen = rendered.material[rendered.mask & (rendered.material >= 0)]
    if not len(seen):
        return ""
    shares = np.bincount(seen, minlength=len(mesh.surfaces)) / len(seen)
    for material, words in _WORDS.items():
        told = [re.search(words, surface.name, re.IGNORECASE) is not None for surface in mesh.surfaces]
        if shares[told].sum() >= _MAIN_SHARE:
            return material
    return ""
