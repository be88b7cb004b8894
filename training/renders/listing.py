"""The pieces that may be rendered, as the stage `pieces` lists them and the stage `renders` reads them."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from training.photos.sources import DataError
from training.renders.pieces import fingerprint, read_pieces, shop_articles

PIECES: Final = "pieces.csv"
RECORD: Final = "record.json"
RENDERS: Final = "renders.csv"


@dataclass(frozen=True, slots=True)
class Listed:
    """A piece of a catalogue and what it is to a shop.

    Attributes:
        piece: Its identifier.
        name: For people.
        category: The catalogue's own.
        label: Of the taxonomy; empty where the name tells no clear one, and the piece is left out.
        material: Of ``vocabulary.MATERIALS``, or empty.
        author: Who made it.
        licence: Of the 3D model.
        catalogue: File name of its catalogue.
        fingerprint: Over its files.
    """

    piece: str
    name: str
    category: str
    label: str
    material: str
    author: str
    licence: str
    catalogue: str
    fingerprint: str


def list_pieces(catalogues: Iterable[Path]) -> list[Listed]:
    """Return all pieces of catalogues, in their order.

    Raises:
        DataError: A catalogue is not as it must be, or two pieces have one identifier.
    """
    articles, listed = shop_articles(), []
    for catalogue in catalogues:
        pieces = read_pieces(catalogue)
        with zipfile.ZipFile(catalogue) as archive:
            for piece in pieces:
                article = articles.get((piece.category, piece.name))
                listed.append(
                    Listed(
                        piece=piece.identifier,
                        name=piece.name,
                        category=piece.category,
                        label=article.label if article else "",
                        material=article.material if article else "",
                        author=piece.author,
                        licence=piece.licence,
                        catalogue=catalogue.name,
                        fingerprint=fingerprint(archive, piece),
                    )
                )
    if len({one.piece for one in listed}) < len(listed):
        raise DataError("two pieces of the catalogues have the same identifier.")
    return listed


def write_listed(path: Path, listed: Iterable[Listed]) -> None:
    """Write pieces as a CSV."""
    write_table(path, [field.name for field in fields(Listed)], [asdict(one) for one in listed])


def read_listed(folder: Path) -> list[Listed]:
    """Read the pieces that the stage `pieces` wrote.

    Raises:
        DataError: They are not there.
    """
    try:
        with (folder / PIECES).open(encoding="utf-8", newline="") as file:
            return [Listed(**row) for row in csv.DictReader(file)]
    except (OSError, TypeError) as error:
        raise DataError(f"{folder} holds no list of pieces; `dvc repro pieces` makes it.") from error


def write_table(path: Path, columns: list[str], rows: Iterable[dict[str, Any]]) -> None:
    """Write rows as a CSV in UTF-8."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
