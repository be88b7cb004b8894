"""The pieces of Sweet Home 3D's furniture catalogues: one 3D model each, with its name, size and licence.

Source: the .sh3f format as Sweet Home 3D documents it: a ZIP file with a .properties file in Latin-1, whose
entries end in the number of the piece (`name#3=Iron bed`), and OBJ files with their materials.
"""

from __future__ import annotations

import csv
import hashlib
import re
import zipfile
from collections import defaultdict
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from training.photos.sources import DataError

Matrix = tuple[float, float, float, float, float, float, float, float, float]

_PROPERTIES: Final = "PluginFurnitureCatalog.properties"
_ENTRY: Final = re.compile(r"^(?P<key>\w+)(?:#(?P<number>\d+))?\s*=(?P<value>.*)$")
_ESCAPE: Final = re.compile(r"\\u([0-9a-fA-F]{4})")
_UPRIGHT: Final[Matrix] = (1, 0, 0, 0, 1, 0, 0, 0, 1)
_LICENCES: Final = {
    "public domain": "CC0 1.0",
    "creative commons attribution 3.0 united states": "CC BY 3.0 US",
    "creative commons attribution 3.0": "CC BY 3.0",
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A 3D model of a catalogue.

    Attributes:
        identifier: The catalogue's, such as "Scopia#bed1".
        name: For people, in English; several pieces share one.
        category: The catalogue's own.
        author: Who made it.
        licence: Short, such as "CC BY 3.0".
        model: Name of its OBJ file inside the catalogue.
        size: Width, height and depth in centimetres.
        rotation: Of the file's axes to y upwards and z to the viewer, row by row.
    """

    identifier: str
    name: str
    category: str
    author: str
    licence: str
    model: str
    size: tuple[float, float, float]
    rotation: Matrix = _UPRIGHT


@dataclass(frozen=True, slots=True)
class Article:
    """What a piece is to a shop.

    Attributes:
        label: Of the taxonomy.
        is_hung: It hangs or lies; in a picture it stands on no floor.
        material: Of ``vocabulary.MATERIALS``, where the catalogue's name says it; else empty.
    """

    label: str
    is_hung: bool
    material: str


def read_pieces(catalogue: Path) -> list[Piece]:
    """Return the pieces of a .sh3f file in its order.

    Raises:
        DataError: It is no such file, or an entry lacks what a piece needs.
    """
    try:
        with zipfile.ZipFile(catalogue) as archive:
            text = archive.read(_PROPERTIES).decode("latin-1")
    except (zipfile.BadZipFile, KeyError) as error:
        raise DataError(f"{catalogue.name} is no furniture catalogue: {error}.") from error
    general, entries = _parse(text)
    licence = _short_licence(catalogue, general.get("license", ""))
    return [_piece(catalogue, entry, licence) for _, entry in sorted(entries.items())]


def shop_articles() -> dict[tuple[str, str], Article]:
    """Return what is an article of a shop, by the catalogue's category and name; looked over by hand."""
    text = files("training.renders").joinpath("labels.csv").read_text(encoding="utf-8")
    return {
        (row["category"], row["name"]): Article(row["label"], row["placed"] == "hung", row["material"])
        for row in csv.DictReader(text.splitlines())
    }


def fingerprint(archive: zipfile.ZipFile, piece: Piece) -> str:
    """Return one hash, in hex, over names, sizes and checksums of a piece's files: form, materials, textures.

    Raises:
        DataError: The catalogue has no such folder.
    """
    names = model_files(archive, piece)
    if piece.model not in names:
        raise DataError(f"{piece.identifier} names a file that is not in its catalogue: {piece.model}.")
    digest = hashlib.sha256()
    for name in names:
        digest.update(f"{name} {archive.getinfo(name).CRC} {archive.getinfo(name).file_size}\n".encode())
    return digest.hexdigest()


def model_files(archive: zipfile.ZipFile, piece: Piece) -> list[str]:
    """Return the names of the files beside a piece's OBJ file, itself among them, sorted."""
    folder = piece.model.rpartition("/")[0] + "/"
    return sorted(name for name in archive.namelist() if name.startswith(folder) and not name.endswith("/"))


def _parse(text: str) -> tuple[dict[str, str], dict[int, dict[str, str]]]:
    general: dict[str, str] = {}
    entries: dict[int, dict[str, str]] = defaultdict(dict)
    for line in text.splitlines():
        found = _ENTRY.match(line)
        if found:
            value = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), found["value"].strip())
            place = entries[int(found["number"])] if found["number"] else general
            place[found["key"]] = value
    return general, entries


def _piece(catalogue: Path, entry: dict[str, str], licence: str) -> Piece:
    try:
        rotation = [float(number) for number in entry.get("modelRotation", "").split()]
        return Piece(
            identifier=entry["id"],
            name=entry["name"],
            category=entry["category"],
            author=entry.get("creator") or catalogue.stem,
            licence=licence,
            model=entry["model"].lstrip("/"),
            size=(float(entry["width"]), float(entry["height"]), float(entry["depth"])),
            rotation=_matrix(rotation) if rotation else _UPRIGHT,
        )
    except (KeyError, ValueError) as error:
        raise DataError(f"{catalogue.name} has a malformed entry {entry.get('id', '')}: {error}.") from error


def _matrix(numbers: list[float]) -> Matrix:
    a, b, c, d, e, f, g, h, i = numbers
    return a, b, c, d, e, f, g, h, i


def _short_licence(catalogue: Path, text: str) -> str:
    for start, short in _LICENCES.items():
        if text.lower().startswith(start):
            return short
    raise DataError(f'{catalogue.name} has a licence that is not known to allow this: "{text}".')
