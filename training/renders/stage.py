"""Render all listed pieces, in a process a core, and write pictures, masks and their tables."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from tqdm import tqdm

from training.folders import replacing
from training.photos.sources import DataError
from training.renders.listing import RECORD, RENDERS, Listed, list_pieces, read_listed, write_table
from training.renders.outcome import Broken, Picture
from training.renders.package import VARIABLE, catalogue_files
from training.renders.pieces import Article, Piece, read_pieces, shop_articles
from training.renders.recipe import RenderRecipe

LICENCES: Final = "licences.csv"
MASKS: Final = "masks"
PICTURES: Final = "pictures"
_FEW: Final = 12
"""Pieces up to which starting processes takes longer than rendering."""
_COLUMNS: Final = ("image", "label", "color", "material", "group")

Result = list[Picture] | Broken
Job = tuple[Path, Piece, Article, RenderRecipe]


def make(folder: Path, pieces: Path, recipe: RenderRecipe) -> str:
    """Write renders.csv, the pictures, a mask for each, and whose 3D models they show; return a sentence.

    A mask is named after the SHA-256 of its picture, by which every later stage names that.

    Args:
        folder: Where to; there whole or not at all.
        pieces: What the stage `pieces` wrote.
        recipe: How many pictures, and how large.

    Raises:
        DataError: The 3D models are no longer those that were listed.
        OSError: A file cannot be read or written.
    """
    listed = read_listed(pieces)
    broken: list[Broken] = []
    rows: list[dict[str, str]] = []
    with replacing(folder) as partial_folder:
        for name in (PICTURES, MASKS):
            (partial_folder / name).mkdir()
        for one, result in zip(listed, _results(listed, recipe), strict=True):
            if isinstance(result, Broken):
                broken.append(result)
            else:
                rows += [_kept(partial_folder, one, picture) for picture in result]
        shown = {row["group"] for row in rows}
        write_table(partial_folder / RENDERS, list(_COLUMNS), rows)
        _write_licences(partial_folder / LICENCES, [one for one in listed if one.piece in shown])
        record = _record(rows, broken, listed)
        text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
        (partial_folder / RECORD).write_text(text, encoding="utf-8")
    return _sentence(rows, broken, listed)


def _results(listed: list[Listed], recipe: RenderRecipe) -> Iterator[Result]:
    """Yield what became of each listed piece, in order."""
    if not listed:
        return
    value = os.environ.get(VARIABLE)
    if not value:
        raise DataError(f"{VARIABLE} is no longer set; run this again from the stage pieces on.")
    with catalogue_files(Path(value)) as catalogues:
        if [one for one in list_pieces(catalogues) if one.label] != listed:
            raise DataError("the 3D models changed meanwhile; run this again from the stage pieces on.")
        articles = shop_articles()
        jobs = [
            (catalogue, piece, article, recipe)
            for catalogue in catalogues
            for piece in read_pieces(catalogue)
            if (article := articles.get((piece.category, piece.name)))
        ]
        render = _renderer()
        if len(jobs) <= _FEW:
            yield from map(render, jobs)
            return
        # A fresh interpreter: forking one in which libraries have started threads can hang.
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        with ProcessPoolExecutor(cores, get_context("spawn")) as pool:
            yield from tqdm(pool.map(render, jobs), "renders", len(jobs), unit="piece")


def _renderer() -> Callable[[Job], Result]:
    """Return what renders a piece; imported here, as where nothing is rendered it need not be installed."""
    try:
        from training.renders.making import photograph
    except ImportError as error:
        raise DataError(f"rendering needs {error.name}, which is not installed here.") from error
    return photograph


def _kept(folder: Path, one: Listed, picture: Picture) -> dict[str, str]:
    """Write a picture and its mask, and return its row."""
    path = f"{PICTURES}/{picture.name}.jpg"
    (folder / path).write_bytes(picture.jpeg)
    (folder / MASKS / f"{hashlib.sha256(picture.jpeg).hexdigest()}.png").write_bytes(picture.mask)
    return dict(zip(_COLUMNS, (path, one.label, picture.color, picture.material, one.piece), strict=True))


def _write_licences(path: Path, listed: list[Listed]) -> None:
    rows = [
        {"group": one.piece, "name": one.name, "author": one.author, "licence": one.licence} for one in listed
    ]
    write_table(path, ["group", "name", "author", "licence"], rows)


def _record(rows: list[dict[str, str]], broken: list[Broken], listed: list[Listed]) -> dict[str, Any]:
    return {
        "pictures": len(rows),
        "pieces": len({row["group"] for row in rows}),
        "broken": {one.piece: one.reason for one in broken},
        "licence": licence_line([one for one in listed if one.piece in {row["group"] for row in rows}]),
        "colors": dict(sorted(Counter(row["color"] for row in rows).items())),
        "materials": dict(sorted(Counter(row["material"] for row in rows).items())),
    }


def licence_line(listed: list[Listed]) -> str:
    """Return the licences of 3D models as a line for people; empty where there are none."""
    if not listed:
        return ""
    licences = ", ".join(sorted({one.licence for one in listed}))
    authors = len({one.author for one in listed})
    return f"3D models of Sweet Home 3D's catalogues, {licences}; their {authors} authors stand in {LICENCES}"


def _sentence(rows: list[dict[str, str]], broken: list[Broken], listed: list[Listed]) -> str:
    if not listed:
        return "No 3D models are listed, so that no pictures are rendered: this source is left aside."
    named = "".join(f"\nLeft out: {one.piece}, as {one.reason}." for one in broken)
    return f"{len(rows)} pictures of {len({row['group'] for row in rows})} 3D models.{named}"
