"""A piece's 3D model as arrays of triangles, and the surfaces that they show."""

from __future__ import annotations

import tempfile
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import trimesh
from numpy.typing import NDArray
from trimesh.visual.material import SimpleMaterial

from training.renders.pieces import Piece, model_files

Floats = NDArray[np.float32]

_CREASE: Final = np.cos(np.radians(40)).astype(np.float32)
"""Cosine of the angle between two faces beyond which the edge between them is sharp."""
_MOST_TRIANGLES: Final = 600_000
_LARGEST_TEXTURE: Final = 1024


class BrokenModel(Exception):
    """A 3D model cannot be rendered; the text says why, as a clause."""


@dataclass(frozen=True, slots=True)
class Surface:
    """What triangles of one material look like.

    Attributes:
        name: The material's, as its author named it.
        color: sRGB, 0 to 1, shape (3,); multiplied with the texture where there is one.
        texture: RGBA, uint8, shape (H, W, 4), first row at the top; None where there is none.
        opacity: 0 to 1.
        gloss: Strength of its highlights, 0 to 1.
        sharpness: Exponent of its highlights, no unit.
    """

    name: str
    color: Floats
    texture: NDArray[np.uint8] | None
    opacity: float
    gloss: float
    sharpness: float


@dataclass(frozen=True, slots=True)
class Mesh:
    """T triangles that stand on y = 0, centred on the y axis; y is up, z to the viewer, lengths in metres.

    Attributes:
        corners: Shape (T, 3, 3).
        normals: Of each corner, of length 1, shape (T, 3, 3).
        places: Of each corner in its texture, shape (T, 3, 2).
        surface: Index of each triangle's surface, shape (T,).
        surfaces: They.
    """

    corners: Floats
    normals: Floats
    places: Floats
    surface: NDArray[np.intp]
    surfaces: tuple[Surface, ...]


def load_piece(archive: zipfile.ZipFile, piece: Piece) -> Mesh:
    """Read a piece from its catalogue, turned upright and brought to its size.

    Raises:
        BrokenModel: It cannot be read, is empty, or is larger than is sensible.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            for name in model_files(archive, piece):
                archive.extract(name, folder)
        except (zipfile.BadZipFile, OSError) as error:
            raise BrokenModel(f"its files cannot be unpacked: {error}") from error
        mesh = load_obj(Path(folder) / piece.model)
    return _fitted(mesh, np.array(piece.rotation, np.float32).reshape(3, 3), piece.size)


def load_obj(path: Path) -> Mesh:
    """Read an OBJ file with its materials as it is, in its own axes and lengths.

    Raises:
        BrokenModel: It cannot be read, or is empty.
    """
    try:
        scene = trimesh.load_scene(path, process=False)
    # trimesh's reader and Pillow raise whatever they trip over.
    except Exception as error:
        raise BrokenModel(f"{path.name} cannot be read: {type(error).__name__}: {error}") from error
    meshes = [part for part in scene.geometry.values() if isinstance(part, trimesh.Trimesh)]
    parts = [part for part in meshes if len(part.faces)]
    if not parts:
        raise BrokenModel(f"{path.name} holds no triangles")
    counts = [len(part.faces) for part in parts]
    if sum(counts) > _MOST_TRIANGLES:
        raise BrokenModel(f"{path.name} has {sum(counts)} triangles, more than {_MOST_TRIANGLES}")
    corners = np.concatenate([part.triangles for part in parts]).astype(np.float32)
    if not np.isfinite(corners).all():
        raise BrokenModel(f"{path.name} has corners that are no numbers")
    return Mesh(
        corners,
        np.concatenate([_normals(part) for part in parts]),
        np.concatenate([_places(part) for part in parts]),
        np.repeat(np.arange(len(parts)), counts),
        tuple(_surface(part) for part in parts),
    )


def _normals(part: trimesh.Trimesh) -> Floats:
    """Return the corners' normals, which are the faces' own beside a sharp edge, shape (T, 3, 3)."""
    flat = np.repeat(part.face_normals.astype(np.float32)[:, None], 3, axis=1)
    smooth = part.vertex_normals.astype(np.float32)[part.faces]
    is_smooth = (flat * smooth).sum(axis=-1, keepdims=True) > _CREASE
    normals: Floats = np.where(is_smooth, smooth, flat)
    return normals


def _places(part: trimesh.Trimesh) -> Floats:
    uv = getattr(part.visual, "uv", None)
    if uv is None or len(uv) != len(part.vertices):
        return np.zeros((len(part.faces), 3, 2), np.float32)
    places: Floats = np.nan_to_num(np.asarray(uv, np.float32))[part.faces]
    return places


def _surface(part: trimesh.Trimesh) -> Surface:
    material = getattr(part.visual, "material", None)
    if not isinstance(material, SimpleMaterial):
        return Surface("", np.full(3, 0.8, np.float32), None, 1.0, 0.0, 1.0)
    read: dict[str, Any] = material.kwargs
    texture = _texture(material)
    color = np.clip(_numbers(read.get("kd"), 3, 0.8), 0, 1)
    if texture is not None and color.max() < 0.05:
        color = np.ones(3, np.float32)  # authors who rely on the texture alone leave black here
    return Surface(
        name=str(material.name or ""),
        color=color,
        texture=texture,
        opacity=float(np.clip(_numbers(read.get("d"), 1, 1.0)[0], 0, 1)),
        gloss=float(np.clip(_numbers(read.get("ks"), 3, 0.0).mean(), 0, 1)),
        sharpness=float(np.clip(_numbers(read.get("ns"), 1, 10.0)[0], 2, 400)),
    )


def _texture(material: SimpleMaterial) -> NDArray[np.uint8] | None:
    if material.image is None:
        return None
    image = material.image.convert("RGBA")
    image.thumbnail((_LARGEST_TEXTURE, _LARGEST_TEXTURE))
    return np.asarray(image)


def _numbers(value: Any, count: int, default: float) -> Floats:
    """Return what a material file says, or the default where it says nothing that can be read."""
    try:
        numbers = np.atleast_1d(np.asarray(value, np.float32))
    except (TypeError, ValueError):
        numbers = np.empty(0, np.float32)
    if len(numbers) < count or not np.isfinite(numbers).all():
        return np.full(count, default, np.float32)
    return numbers[:count]


def _fitted(mesh: Mesh, rotation: Floats, size_cm: tuple[float, float, float]) -> Mesh:
    """Turn a mesh upright, bring it to its size and stand it on the ground.

    Raises:
        BrokenModel: It has no extent.
    """
    corners = mesh.corners @ rotation.T
    low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    extent = high - low
    if extent.max() <= 0:
        raise BrokenModel("it has no extent")
    size = np.array(size_cm, np.float32) / 100
    scale = np.where(extent > 1e-6 * extent.max(), size / np.maximum(extent, 1e-9), 1.0).astype(np.float32)
    foot = np.array([(low[0] + high[0]) / 2, low[1], (low[2] + high[2]) / 2], np.float32)
    normals = (mesh.normals @ rotation.T) / scale
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
    corners = (corners - foot) * scale
    return replace(mesh, corners=corners, normals=normals.astype(np.float32))
