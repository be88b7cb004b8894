"""A picture of a product by ray casting: lit surfaces, soft shadows, and exactly where the product is.

Source: the light model is Lambert's with Blinn's highlights ("Models of light reflection for computer
synthesized pictures", SIGGRAPH 1977); light from all around is weighed by how much of it reaches a point
(Zhukov et al., "An ambient light illumination model", 1998).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from training.renders.mesh import Floats, Mesh
from training.renders.optics import Caster, Frame, Hits, Indices, Rays, frame
from training.renders.studio import Background, Generator, Light, View

Flags = NDArray[np.bool_]

_SAMPLES: Final = 2
_LAYERS: Final = 6
"""Surfaces that a ray passes through at most."""
_PRESENT: Final = 0.05
"""Opacity from which a surface is seen as part of the product."""
_SMOOTHED: Final = 1.6
"""Over how many samples shadows are averaged; rays towards the lamp are few."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A picture before the camera; H and W in pixels.

    Attributes:
        light: Linear RGB, 0 to about 1, shape (H, W, 3).
        mask: Where the product covers at least half of a pixel, shape (H, W).
        albedo: The product's own colour, without light, sRGB, 0 to 255, shape (H, W, 3).
        opacity: How much of what is behind it hides, 0 to 1, shape (H, W).
        material: Index of the surface that is seen, -1 beside the product, shape (H, W).
    """

    light: Floats
    mask: Flags
    albedo: Floats
    opacity: Floats
    material: Indices


@dataclass(slots=True)
class _Canvas:
    """Samples while layers are added, the nearest first, each of shape (N, ...)."""

    light: Floats
    through: Floats
    albedo: Floats
    is_product: Flags
    material: Indices

    @classmethod
    def empty(cls, count: int) -> _Canvas:
        return cls(
            np.zeros((count, 3), np.float32),
            np.ones(count, np.float32),
            np.zeros((count, 3), np.float32),
            np.zeros(count, bool),
            np.full(count, -1, np.intp),
        )


def render(
    mesh: Mesh, caster: Caster, view: View, light: Light, background: Background, side: int, rng: Generator
) -> Rendered:
    """Render a product.

    Args:
        mesh: The product.
        caster: Made of it.
        view: Where the camera stands.
        light: What falls on it.
        background: What is behind it.
        side: The longer side of the picture in pixels.
        rng: Directions of shadow rays.
    """
    seen = frame(mesh, view, side, _SAMPLES)
    scene = _Scene(mesh, caster, light, background, seen, rng)
    canvas = _Canvas.empty(len(seen.rays.origins))
    scene.add_product(canvas)
    scene.add_background(canvas)
    return _pixels(canvas, seen)


def to_srgb(light: Floats) -> Floats:
    """Encode linear light, 0 to 1, as sRGB, 0 to 255. Source: IEC 61966-2-1."""
    light = light.clip(0, 1)
    encoded: Floats = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return encoded


def to_linear(color: Floats) -> Floats:
    """Decode sRGB, 0 to 1, to linear light, 0 to 1."""
    linear: Floats = np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)
    return linear.astype(np.float32)


class _Scene:
    """One product under one light, seen in one frame."""

    def __init__(
        self, mesh: Mesh, caster: Caster, light: Light, background: Background, seen: Frame, rng: Generator
    ) -> None:
        self._mesh, self._caster, self._seen = mesh, caster, seen
        self._light, self._background, self._rng = light, background, rng
        self._lamp = light.direction @ seen.axes
        self._lamp[1] = max(self._lamp[1], 0.2)
        self._lamp /= np.linalg.norm(self._lamp)
        everything = np.ones(1, np.float32)
        white = self._irradiance(seen.axes[2:], everything, everything).mean()
        self._gain = light.exposure / float(white)

    def add_product(self, canvas: _Canvas) -> None:
        """Add the product's surfaces along each ray until one hides all behind it."""
        index, rays = np.arange(len(self._seen.rays.origins)), self._seen.rays
        for layer in range(_LAYERS):
            hits = self._caster.hits(rays)
            hit = hits.triangle >= 0
            index, rays = index[hit], rays[hit]
            hits = Hits(hits.triangle[hit], hits.weights[hit], hits.distance[hit])
            if not len(index):
                return
            points = rays.origins + rays.directions * hits.distance[:, None]
            color, opacity = self._appearance(hits)
            lit = self._lit(points, rays, hits, color, index, is_first=layer == 0)
            share = canvas.through[index] * opacity
            canvas.light[index] += share[:, None] * lit
            canvas.albedo[index] += share[:, None] * color
            is_new = ~canvas.is_product[index] & (opacity > _PRESENT)
            canvas.material[index[is_new]] = self._mesh.surface[hits.triangle[is_new]]
            canvas.is_product[index] |= opacity > _PRESENT
            canvas.through[index] -= share
            goes_on = canvas.through[index] > 0.02
            step = 2e-4 * self._caster.size
            index, rays = index[goes_on], rays[goes_on]
            rays = Rays((points[goes_on] + rays.directions * step).astype(np.float32), rays.directions)

    def add_background(self, canvas: _Canvas) -> None:
        """Add floor and wall where something of them is seen."""
        rays, ground = self._seen.rays, self._background
        tone = np.broadcast_to(ground.wall, canvas.light.shape).copy()
        if ground.floor is not None:
            down = rays.directions[:, 1]
            distance = np.where(down < -1e-4, -rays.origins[:, 1] / np.minimum(down, -1e-4), np.inf)
            wall = self._wall_distance()
            on_floor = np.isfinite(distance) & (distance < wall)
            tone[on_floor] = ground.floor
            relative = self._floor_light(rays, distance, on_floor & (canvas.through > 0.02))
            tone *= (1 - ground.shade * (1 - relative))[:, None]
        y, x = np.mgrid[-1 : 1 : self._seen.height * 1j, -1 : 1 : self._seen.width * 1j].astype(np.float32)
        even = 1 - ground.falloff * (x**2 + y**2) / 2 - ground.slope * (y + 1) / 2
        canvas.light += canvas.through[:, None] * tone * even.reshape(-1, 1)

    def _wall_distance(self) -> Floats:
        """Return along each ray how far the wall is, shape (N,)."""
        rays = self._seen.rays
        if self._background.wall_distance is None:
            return np.full(len(rays.origins), np.inf, np.float32)
        normal = self._seen.axes[2] * np.array((1, 0, 1), np.float32)
        normal /= max(float(np.linalg.norm(normal)), 1e-6)
        back = float((self._mesh.corners @ normal).min()) - self._background.wall_distance * self._caster.size
        towards = rays.directions @ normal
        distance = (back - rays.origins @ normal) / np.minimum(towards, -1e-4)
        return np.where(towards < -1e-4, distance, np.inf).astype(np.float32)

    def _floor_light(self, rays: Rays, distance: Floats, wanted: Flags) -> Floats:
        """Return how much of the light that an empty floor gets is left, 0 to 1, shape (N,)."""
        index = np.flatnonzero(wanted)
        points = rays.origins[index] + rays.directions[index] * distance[index, None]
        near = np.linalg.norm(points, axis=1) < 2.5 * self._caster.size
        index, points = index[near], points[near]
        up = np.broadcast_to(np.array((0, 1, 0), np.float32), points.shape)
        lamp, around = self._visibility(points, up, index)
        full = self._irradiance(up, np.ones_like(lamp), np.ones_like(around)).mean(axis=1)
        relative = np.ones(len(wanted), np.float32)
        relative[index] = self._irradiance(up, lamp, around).mean(axis=1) / full
        return relative

    def _appearance(self, hits: Hits) -> tuple[Floats, Floats]:
        """Return own colour, sRGB 0 to 1, shape (N, 3), and opacity, shape (N,)."""
        surface = self._mesh.surface[hits.triangle]
        color, opacity = np.empty((len(surface), 3), np.float32), np.empty(len(surface), np.float32)
        for number in np.unique(surface):
            chosen = np.flatnonzero(surface == number)
            what = self._mesh.surfaces[number]
            color[chosen], opacity[chosen] = what.color, what.opacity
            if what.texture is not None:
                places = self._mesh.places[hits.triangle[chosen]]
                texel = _texels(what.texture, (places * hits.weights[chosen, :, None]).sum(axis=1))
                color[chosen] *= texel[:, :3]
                opacity[chosen] *= texel[:, 3]
        return color, opacity

    def _lit(
        self, points: Floats, rays: Rays, hits: Hits, color: Floats, index: Indices, *, is_first: bool
    ) -> Floats:
        """Return the light that comes from points of the product to the camera, linear, shape (N, 3)."""
        normals = (self._mesh.normals[hits.triangle] * hits.weights[:, :, None]).sum(axis=1)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
        is_away = (normals * rays.directions).sum(axis=1, keepdims=True) > 0
        normals = np.where(is_away, -normals, normals)
        if is_first:
            lamp, around = self._visibility(points, normals, index)
        else:
            lamp = around = np.full(len(points), 0.8, np.float32)
        diffuse = to_linear(color) * self._irradiance(normals, lamp, around) * self._gain
        return diffuse + self._shine(normals, rays.directions, hits, lamp * 0.7 + 0.3 * around)

    def _irradiance(self, normals: Floats, lamp: Floats, around: Floats) -> Floats:
        """Return the light on surfaces, shape (N, 3), by how much of lamp and surroundings they see."""
        upward = (normals[:, 1:2] + 1) / 2
        sky = self._light.ground + (self._light.sky - self._light.ground) * upward
        cosine = np.maximum(normals @ self._lamp, 0)
        return sky * around[:, None] + self._light.lamp * (cosine * lamp)[:, None]

    def _shine(self, normals: Floats, directions: Floats, hits: Hits, visible: Floats) -> Floats:
        """Return highlights of the lamp and a mirrored studio, linear, shape (N, 3)."""
        surfaces = self._mesh.surface[hits.triangle]
        gloss = np.array([surface.gloss for surface in self._mesh.surfaces], np.float32)[surfaces]
        sharp = np.array([surface.sharpness for surface in self._mesh.surfaces], np.float32)[surfaces]
        half = self._lamp - directions
        half /= np.linalg.norm(half, axis=1, keepdims=True)
        highlight = np.maximum((normals * half).sum(axis=1), 0) ** sharp
        facing = np.minimum(-(normals * directions).sum(axis=1), 1).clip(0)
        mirrored = directions + 2 * facing[:, None] * normals
        up = mirrored[:, 1]
        studio = 0.25 + 0.75 * _step(up, -0.1, 0.35) * (1 - 0.6 * _step(up, 0.55, 0.8))
        fresnel = (1 - facing) ** 5
        strength = gloss * (0.24 * studio * (0.25 + fresnel) + 0.4 * highlight) * visible * self._gain
        shine: Floats = strength[:, None] * (self._light.lamp + self._light.sky)
        return shine

    def _visibility(self, points: Floats, normals: Floats, index: Indices) -> tuple[Floats, Floats]:
        """Return how much points see of the lamp and of the surroundings, 0 to 1, each of shape (N,)."""
        chance = _spread(self._seen, self._rng)[:, index]
        to_lamp = _in_cone(self._lamp, self._light.softness, chance[:2])
        to_sky = _over(normals, chance[2:])
        lamp = self._caster.are_free(points, normals, to_lamp, 4 * self._caster.size)
        around = self._caster.are_free(points, normals, to_sky, 0.8 * self._caster.size)
        return self._smooth(lamp, normals, index), self._smooth(around, normals, index)

    def _smooth(self, values: Flags, normals: Floats, index: Indices) -> Floats:
        """Average over neighbours of the same orientation; eight of them, told by their normals' signs."""
        shape = (self._seen.height, self._seen.width)
        result = np.empty(len(values), np.float32)
        side = (normals @ self._seen.axes.T > 0) @ np.array((1, 2, 4))
        for number in np.unique(side):
            chosen = side == number
            known, sums = np.zeros((2, shape[0] * shape[1]), np.float32)
            known[index[chosen]] = 1
            sums[index[chosen]] = values[chosen]
            known, sums = (_blurred(part.reshape(shape)).ravel()[index[chosen]] for part in (known, sums))
            result[chosen] = sums / np.maximum(known, 1e-6)
        return result


def _blurred(values: Floats) -> Floats:
    blurred: Floats = gaussian_filter(values, _SMOOTHED, truncate=2)
    return blurred


def _texels(texture: NDArray[np.uint8], places: Floats) -> Floats:
    """Return the texture's RGBA, 0 to 1, at places; it repeats, and its origin is at the lower left."""
    height, width = texture.shape[:2]
    columns = np.floor((places[:, 0] % 1) * width).astype(np.intp) % width
    rows = height - 1 - np.floor((places[:, 1] % 1) * height).astype(np.intp) % height
    texels: Floats = texture[rows, columns].astype(np.float32) / 255
    return texels


def _spread(seen: Frame, rng: Generator) -> Floats:
    """Return four numbers from 0 to 1 for each sample, even over blocks of four by four, shape (4, N)."""
    rows, columns = np.divmod(np.arange(seen.height * seen.width), seen.width)
    cell = _ORDER[rows % 4, columns % 4]
    offsets = rng.random((4, 1)).astype(np.float32)
    steps = np.stack([(cell * step % 16) / 16 for step in (1, 7, 5, 11)])
    jitter = rng.random(steps.shape, np.float32) / 16
    spread: Floats = (steps + jitter + offsets).astype(np.float32) % 1
    return spread


_ORDER: Final = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]])
"""Bayer's matrix: neighbours are far apart."""


def _in_cone(axis: Floats, radius: float, chance: Floats) -> Floats:
    """Return directions around an axis, shape (N, 3)."""
    right, up = _beside(axis[None])
    turn, out = 2 * np.pi * chance[0], radius * np.sqrt(chance[1])
    directions = axis + (np.cos(turn) * out)[:, None] * right + (np.sin(turn) * out)[:, None] * up
    turned: Floats = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    return turned


def _over(normals: Floats, chance: Floats) -> Floats:
    """Return directions over surfaces, more along the normals, shape (N, 3). Source: Malley's method."""
    right, up = _beside(normals)
    turn, out = 2 * np.pi * chance[0], np.sqrt(chance[1])
    height = np.sqrt(1 - chance[1])
    directions: Floats = (
        (np.cos(turn) * out)[:, None] * right + (np.sin(turn) * out)[:, None] * up + height[:, None] * normals
    )
    return directions


def _beside(axes: Floats) -> tuple[Floats, Floats]:
    """Return two directions at right angles to each axis and to each other, each of shape (N, 3)."""
    x, y, _ = np.eye(3, dtype=np.float32)
    other = np.where(np.abs(axes[:, :1]) < 0.7, x, y)
    right = np.cross(axes, other)
    right /= np.maximum(np.linalg.norm(right, axis=1, keepdims=True), 1e-6)
    return right.astype(np.float32), np.cross(axes, right).astype(np.float32)


def _step(values: Floats, low: float, high: float) -> Floats:
    share = ((values - low) / (high - low)).clip(0, 1)
    smooth: Floats = share * share * (3 - 2 * share)
    return smooth


def _pixels(canvas: _Canvas, seen: Frame) -> Rendered:
    """Average the samples of each pixel."""
    shape = (seen.height // _SAMPLES, _SAMPLES, seen.width // _SAMPLES, _SAMPLES)
    covered = canvas.is_product.reshape(shape).mean(axis=(1, 3))
    opacity = (1 - canvas.through).reshape(shape).mean(axis=(1, 3))
    albedo = canvas.albedo.reshape(*shape, 3).mean(axis=(1, 3)) / np.maximum(opacity, 1e-3)[..., None]
    return Rendered(
        light=canvas.light.reshape(*shape, 3).mean(axis=(1, 3)),
        mask=covered >= 0.5,
        albedo=(255 * albedo).clip(0, 255).astype(np.float32),
        opacity=opacity,
        material=canvas.material.reshape(shape)[:, 0, :, 0],
    )
