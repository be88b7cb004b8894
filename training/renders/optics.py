"""Rays: through which points of the picture they go, what they hit, and what they are kept from.

Source: Embree finds the triangles; Wald et al., "Embree: A Kernel Framework for Efficient CPU Ray Tracing",
SIGGRAPH 2014.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from training.renders.mesh import Floats, Mesh
from training.renders.studio import View

Indices = NDArray[np.intp]

_NUDGE: Final = 1e-3
"""Share of the product's size by which a ray starts beside the surface that it comes from."""
_LETS_THROUGH: Final = 0.7
"""Opacity under which a surface throws no shadow."""


@dataclass(frozen=True, slots=True)
class Rays:
    """N rays.

    Attributes:
        origins: Shape (N, 3).
        directions: Of length 1, shape (N, 3).
    """

    origins: Floats
    directions: Floats

    def __getitem__(self, chosen: Indices | NDArray[np.bool_]) -> Rays:
        return Rays(self.origins[chosen], self.directions[chosen])


@dataclass(frozen=True, slots=True)
class Hits:
    """What N rays hit first.

    Attributes:
        triangle: Its index, -1 where there is none, shape (N,).
        weights: Of the triangle's three corners at the point, shape (N, 3).
        distance: Along the ray, shape (N,).
    """

    triangle: Indices
    weights: Floats
    distance: Floats


class Caster:
    """Casts rays at a mesh."""

    def __init__(self, mesh: Mesh) -> None:
        low, high = mesh.corners.min(axis=(0, 1)), mesh.corners.max(axis=(0, 1))
        self.size = float(np.linalg.norm(high - low))
        self._scene = EmbreeScene()
        self._kept = [TriangleMesh(self._scene, mesh.corners)]
        opacity = np.array([surface.opacity for surface in mesh.surfaces])
        self._blockers = EmbreeScene()
        blocking = mesh.corners[opacity[mesh.surface] >= _LETS_THROUGH]
        self._blocks = len(blocking) > 0
        if self._blocks:
            self._kept.append(TriangleMesh(self._blockers, blocking))

    def hits(self, rays: Rays) -> Hits:
        """Return what rays hit first."""
        if not len(rays.origins):
            return Hits(np.empty(0, np.intp), np.empty((0, 3), np.float32), np.empty(0, np.float32))
        found = self._scene.run(rays.origins, rays.directions, query="INTERSECT", output=1)
        u, v = found["u"], found["v"]
        weights = np.stack((1 - u - v, u, v), axis=1).astype(np.float32)
        return Hits(found["primID"].astype(np.intp), weights, found["tfar"])

    def are_free(
        self, points: Floats, normals: Floats, directions: Floats, reach: float
    ) -> NDArray[np.bool_]:
        """Return whether nothing stands in the way, shape (N,).

        Args:
            points: Where the ways begin, shape (N, 3).
            normals: Of the surfaces there, on the side that the ways leave to, shape (N, 3).
            directions: Of length 1, shape (N, 3).
            reach: How far a way goes, in metres.
        """
        if not self._blocks or not len(points):
            return np.ones(len(points), bool)
        starts = (points + normals * (_NUDGE * self.size)).astype(np.float32)
        limits = np.full(len(points), reach, np.float32)
        hit = self._blockers.run(starts, directions.astype(np.float32), dists=limits, query="OCCLUDED")
        return np.asarray(hit) < 0


@dataclass(frozen=True, slots=True)
class Frame:
    """The rays of a picture.

    Attributes:
        height: In samples.
        width: In samples.
        rays: Of the samples, row by row.
        axes: The camera's right, up and backward directions, shape (3, 3).
    """

    height: int
    width: int
    rays: Rays
    axes: Floats


def frame(mesh: Mesh, view: View, side: int, samples: int) -> Frame:
    """Place the camera so that the product fills its share of the picture.

    Args:
        mesh: The product.
        view: From where.
        side: The longer side of the picture in pixels.
        samples: Per pixel and direction.
    """
    axes = _axes(view)
    points = np.unique(mesh.corners.reshape(-1, 3), axis=0)
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    radius = float(np.linalg.norm(points - middle, axis=1).max())
    eye = middle + axes[2] * radius / np.sin(view.angle / 2)
    seen = (points - eye) @ axes.T
    flat = seen[:, :2] / -seen[:, 2:]
    low, high = flat.min(axis=0), flat.max(axis=0)
    width, height = round(side * min(1, view.aspect)), round(side / max(1, view.aspect))
    scale = float(((high - low) / (width, height)).max()) / view.filled
    extent = scale * np.array([width, height])
    centre = (low + high) / 2 + view.shift * (extent - (high - low)) / 2 * 0.8
    across = centre[0] + ((np.arange(width * samples) + 0.5) / (width * samples) - 0.5) * extent[0]
    upward = centre[1] - ((np.arange(height * samples) + 0.5) / (height * samples) - 0.5) * extent[1]
    x, y = (grid.ravel() for grid in np.meshgrid(across, upward))
    directions = np.stack((x, y, -np.ones_like(x)), axis=1) @ axes
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    origins = np.broadcast_to(eye, directions.shape)
    return Frame(
        height * samples,
        width * samples,
        Rays(np.ascontiguousarray(origins, np.float32), directions.astype(np.float32)),
        axes.astype(np.float32),
    )


def _axes(view: View) -> NDArray[np.float64]:
    backward = np.array(
        [
            np.sin(view.azimuth) * np.cos(view.elevation),
            np.sin(view.elevation),
            np.cos(view.azimuth) * np.cos(view.elevation),
        ]
    )
    right = np.cross((0.0, 1.0, 0.0), backward)
    right /= np.linalg.norm(right)
    up = np.cross(backward, right)
    cosine, sine = np.cos(view.roll), np.sin(view.roll)
    return np.stack((cosine * right + sine * up, cosine * up - sine * right, backward))
