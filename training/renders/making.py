"""The pictures of one piece: photographed several times, each with its mask and what is known of it."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.renders import studio
from training.renders.camera import develop
from training.renders.facts import main_color, main_material
from training.renders.mesh import BrokenModel, Mesh, load_piece
from training.renders.optics import Caster
from training.renders.outcome import Broken, Picture
from training.renders.pieces import Article, Piece
from training.renders.recipe import RenderRecipe
from training.renders.rendering import render


def photograph(job: tuple[Path, Piece, Article, RenderRecipe]) -> list[Picture] | Broken:
    """Render a piece; the same pictures for the same seed, whatever else is rendered.

    Args:
        job: The .sh3f file that it is in, the piece, what it is to a shop, how many pictures and how large.
    """
    catalogue, piece, article, recipe = job
    try:
        with zipfile.ZipFile(catalogue) as archive:
            mesh = load_piece(archive, piece)
        return take_pictures(mesh, piece, article, recipe)
    except BrokenModel as error:
        return Broken(piece.identifier, str(error))


def take_pictures(mesh: Mesh, piece: Piece, article: Article, recipe: RenderRecipe) -> list[Picture]:
    """Render a piece whose model has been read.

    Raises:
        BrokenModel: Nothing of it is seen.
    """
    caster = Caster(mesh)
    return [_picture(mesh, caster, piece, article, recipe, number) for number in range(recipe.pictures)]


def _picture(
    mesh: Mesh, caster: Caster, piece: Piece, article: Article, recipe: RenderRecipe, number: int
) -> Picture:
    own = int.from_bytes(hashlib.sha256(piece.identifier.encode()).digest()[:8], "big")
    rng = np.random.default_rng((recipe.seed, own, number))
    view = studio.draw_view(piece.size, article.is_hung, rng)
    light, background = studio.draw_light(rng), studio.draw_background(article.is_hung, rng)
    camera = studio.draw_camera(rng)
    rendered = render(mesh, caster, view, light, background, recipe.side, rng)
    if not rendered.mask.any():
        raise BrokenModel("nothing of it is seen")
    return Picture(
        name=f"{re.sub(r'[^A-Za-z0-9]+', '-', piece.identifier).lower().strip('-')}-{number}",
        jpeg=develop(rendered.light, camera, rng),
        mask=_png(rendered.mask),
        color=main_color(rendered),
        material=article.material or main_material(rendered, mesh),
    )


def _png(mask: NDArray[np.bool_]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(mask).save(file, "PNG")
    return file.getvalue()
