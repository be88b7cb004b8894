"""A product photo that needs no camera: a glazed mug of coffee, rendered when it is asked for.

The mug is a signed distance field (a turned profile with a rounded rim, and a ring for the handle) along
which the camera's rays walk. Lengths are in mug radii, y points up, the mug stands on y = 0.
"""

import io
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats: TypeAlias = NDArray[np.float32]

RADIUS, HEIGHT, WALL = 0.92, 2.1, 0.09
COFFEE_LEVEL = 1.80
HANDLE_CENTRE, HANDLE_REACH, HANDLE_RISE, HANDLE_THICKNESS = (0.95, 1.08), 0.56, 0.66, 0.115
BOX_LOW, BOX_HIGH = (-0.95, 0.0, -0.95), (1.66, 2.12, 0.95)

KEY_LIGHT, FILL_LIGHT = (-0.55, 0.72, 0.45), (0.75, 0.35, 0.55)
GLAZE, INSIDE, COFFEE = (0.03, 0.15, 0.42), (0.93, 0.92, 0.89), (0.105, 0.045, 0.02)
NOISE = 0.004


class Camera(NamedTuple):
    """Where the picture is taken from: turned around the mug, raised above the table, both in radians."""

    turn: float = 0.42
    rise: float = 0.46
    distance: float = 7.4
    spread: float = 0.275
    target: tuple[float, float, float] = (0.22, 0.95, 0.0)


def mug(
    width: int = 800, height: int = 600, *, glaze: tuple[float, float, float] = GLAZE, turn: float = 0.42
) -> bytes:
    """Render the mug on a light table and return it as JPEG.

    Args:
        width: In pixels.
        height: In pixels.
        glaze: The mug's colour, linear red, green and blue in 0..1.
        turn: The camera's way around the mug, in radians; with it, each picture is another one.
    """
    camera = Camera(turn=turn)
    eye, rays = _rays(camera, width, height)
    light = _table(eye, rays, height, width)
    near, far, enters = _box(eye, rays)
    alpha, travelled = _march(eye, rays[enters], near[enters], far[enters])
    points = eye + rays[enters] * travelled[:, None]
    touched = alpha > 0
    shaded = _shade(points[touched], rays[enters][touched], glaze)
    covered = np.flatnonzero(enters)[touched]
    opacity = alpha[touched][:, None]
    light[covered] = light[covered] * (1 - opacity) + shaded * opacity
    return _develop(light.reshape(height, width, 3))


def _rays(camera: Camera, width: int, height: int) -> tuple[Floats, Floats]:
    """The camera's place, shape (3,), and each pixel's unit direction, shape (height * width, 3)."""
    target = np.array(camera.target, np.float32)
    back = np.array(
        [
            np.sin(camera.turn) * np.cos(camera.rise),
            np.sin(camera.rise),
            np.cos(camera.turn) * np.cos(camera.rise),
        ],
        np.float32,
    )
    right = np.array([np.cos(camera.turn), 0, -np.sin(camera.turn)], np.float32)
    up = np.cross(back, right)
    aspect = width / height
    x = (np.arange(width, dtype=np.float32) + 0.5) / width * 2 - 1
    y = 1 - (np.arange(height, dtype=np.float32) + 0.5) / height * 2
    across, upward = np.meshgrid(x * aspect * camera.spread, y * camera.spread)
    rays = across[..., None] * right + upward[..., None] * up - back
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    return target + back * camera.distance, rays.reshape(-1, 3).astype(np.float32)


def _distance(points: Floats) -> Floats:
    """Distance from each point to mug or coffee, negative inside; points of shape (N, 3)."""
    x, y, z = points[:, 0], points[:, 1], points[:, 2]
    around = np.sqrt(x * x + z * z)
    inside = _rounded(around, y, RADIUS - WALL, (0.16, HEIGHT + 1), 0.12)
    body = _smooth_min(
        _rounded(around, y, RADIUS - 0.05 * _foot(y), (0.0, HEIGHT), 0.045), _handle(x, y, z), 0.09
    )
    shell = -_smooth_min(-body, inside, 0.035)
    coffee = np.maximum(around - (RADIUS - WALL + 0.02), np.abs(y - COFFEE_LEVEL + 0.2) - 0.2)
    nearest: Floats = np.minimum(shell, coffee)
    return nearest


def _rounded(
    around: Floats, y: Floats, radius: float | Floats, span: tuple[float, float], edge: float
) -> Floats:
    """Distance to an upright cylinder with rounded edges; ``around`` is the distance from its axis."""
    middle, half = (span[0] + span[1]) / 2, (span[1] - span[0]) / 2
    outward, upward = around - radius + edge, np.abs(y - middle) - half + edge
    beyond = np.hypot(np.maximum(outward, 0), np.maximum(upward, 0))
    return np.asarray(beyond + np.minimum(np.maximum(outward, upward), 0) - edge, np.float32)


def _foot(y: Floats) -> Floats:
    """How far the mug draws in towards its foot, 1 on the table and 0 from a quarter of its height."""
    share: Floats = np.clip(1 - y / (HEIGHT / 4), 0, 1)
    return share * share


def _handle(x: Floats, y: Floats, z: Floats) -> Floats:
    """Distance to the ring that is the handle, a little higher than wide and flattened like a strap."""
    dx, dy = (x - HANDLE_CENTRE[0]) / HANDLE_REACH, (y - HANDLE_CENTRE[1]) / HANDLE_RISE
    ring = (np.hypot(dx, dy) - 1) * HANDLE_REACH
    distance: Floats = np.hypot(ring, z * 0.8) - HANDLE_THICKNESS
    return distance


def _smooth_min(a: Floats, b: Floats, width: float) -> Floats:
    """The smaller of two distances, with the seam between them rounded over ``width``."""
    blend = np.maximum(width - np.abs(a - b), 0) / width
    joined: Floats = np.minimum(a, b) - blend * blend * (width / 4)
    return joined


def _box(eye: Floats, rays: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Where each ray enters and leaves the box around the mug, and whether it meets it at all."""
    first = (np.array(BOX_LOW, np.float32) - eye) / rays
    second = (np.array(BOX_HIGH, np.float32) - eye) / rays
    near = np.minimum(first, second).max(axis=1)
    far = np.maximum(first, second).min(axis=1)
    return near, far, near < far


def _march(eye: Floats, rays: Floats, near: Floats, far: Floats) -> tuple[Floats, Floats]:
    """Walk each ray to the surface: how much of the pixel it covers, 0..1, and how far away it is.

    A ray that passes within a pixel's width of the mug covers that pixel in part, for smooth outlines.
    """
    pixel = 0.0011
    travelled, closest, where = near.copy(), np.full_like(near, 1e3), near.copy()
    walking = np.arange(len(rays))
    for _ in range(56):
        gap = _distance(eye + rays[walking] * travelled[walking, None])
        nearer = gap < closest[walking]
        closest[walking[nearer]] = gap[nearer]
        where[walking[nearer]] = travelled[walking[nearer]]
        travelled[walking] += np.maximum(gap * 0.85, 0.0008)
        walking = walking[(gap > 0.0008) & (travelled[walking] < far[walking])]
        if walking.size == 0:
            break
    spread = pixel * where
    return np.clip(1.2 - closest / spread, 0, 1).astype(np.float32), where


def _normals(points: Floats) -> Floats:
    """Unit surface normals, from four distances around each point."""
    corners = np.array([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]], np.float32)
    normals = sum(corner * _distance(points + corner * 0.002)[:, None] for corner in corners)
    return np.asarray(normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9), np.float32)


def _shade(points: Floats, rays: Floats, glaze: tuple[float, float, float]) -> Floats:
    """Light leaving each point towards the camera, linear RGB of shape (N, 3)."""
    normals = _normals(points)
    color, gloss = _materials(points, glaze)
    key, fill = _unit(KEY_LIGHT), _unit(FILL_LIGHT)
    lit = np.clip(normals @ key, 0, 1) * _sunlit(points + normals * 0.02, key)
    open_sky = _open(points, normals)
    diffuse = 1.05 * lit + 0.28 * np.clip(normals @ fill, 0, 1) + (0.42 + 0.16 * normals[:, 1]) * open_sky
    mirrored = rays - 2 * np.sum(rays * normals, axis=1, keepdims=True) * normals
    facing = np.clip(-np.sum(rays * normals, axis=1), 0, 1)
    fresnel = 0.04 + 0.5 * (1 - facing) ** 5
    softbox = (
        np.clip((mirrored @ key - 0.90) / 0.03, 0, 1) * 1.6
        + np.clip((mirrored @ fill - 0.93) / 0.03, 0, 1) * 0.7
    )
    room = 0.55 + 0.45 * mirrored[:, 1]
    shine = gloss * open_sky * (fresnel * room + 0.22 * softbox)
    light: Floats = color * diffuse[:, None] + shine[:, None]
    return light


def _materials(points: Floats, glaze: tuple[float, float, float]) -> tuple[Floats, Floats]:
    """Each point's colour, shape (N, 3), and gloss, shape (N,)."""
    around = np.hypot(points[:, 0], points[:, 2])
    within: Floats = np.clip((RADIUS - WALL * 0.55 - around) / 0.012, 0, 1)
    within = np.where(points[:, 1] > 0.1, within, np.float32(0))
    coffee: Floats = within * np.clip((COFFEE_LEVEL + 0.010 - points[:, 1]) / 0.008, 0, 1)
    color = _mixed(np.array(glaze, np.float32)[None], np.array(INSIDE, np.float32), within)
    return _mixed(color, np.array(COFFEE, np.float32), coffee), (1 - 0.4 * coffee).astype(np.float32)


def _mixed(under: Floats, over: Floats, share: Floats) -> Floats:
    """``over`` painted on ``under``, each point by its own share."""
    return np.asarray(under * (1 - share[:, None]) + over * share[:, None], np.float32)


def _sunlit(points: Floats, towards: Floats, steps: int = 14) -> Floats:
    """How much of a broad light reaches each point, 0..1: the nearer a ray passes to the mug, the darker."""
    reach, seen = np.full(len(points), 0.03, np.float32), np.ones(len(points), np.float32)
    for _ in range(steps):
        gap = _distance(points + towards * reach[:, None])
        seen = np.minimum(seen, 0.5 + 3.2 * gap / reach)
        reach += np.clip(gap, 0.05, 0.4)
    seen = np.clip(seen, 0, 1)
    return seen * seen * (3 - 2 * seen)


def _open(points: Floats, normals: Floats) -> Floats:
    """How open each point lies to the room, 0..1, from the distances a little way above it."""
    shut = np.zeros(len(points), np.float32)
    for step, weight in ((0.08, 1.6), (0.25, 0.7), (0.55, 0.35)):
        shut += weight * np.maximum(step - _distance(points + normals * step), 0)
    table = np.clip(points[:, 1] / 0.5, 0, 1) * 0.25 + 0.75
    return np.clip(1 - shut, 0, 1) * np.where(normals[:, 1] < 0.5, table, 1)


def _table(eye: Floats, rays: Floats, height: int, width: int) -> Floats:
    """The light table and what the mug's shadow leaves of it, linear RGB of shape (height * width, 3)."""
    down = np.repeat(np.linspace(0, 1, height, dtype=np.float32), width)
    tone = 0.80 + 0.10 * down
    reach = np.where(rays[:, 1] < -0.05, -eye[1] / np.minimum(rays[:, 1], -0.05), 1e3)
    points = (eye + rays * reach[:, None]).astype(np.float32)
    points[:, 1] = 0.001
    near = np.hypot(points[:, 0] - 0.9, points[:, 2] + 0.7) < 4.2
    spots = points[near]
    shadow = 0.58 + 0.42 * _sunlit(spots, _unit(KEY_LIGHT), steps=9)
    flat = np.broadcast_to(np.array([0, 1, 0], np.float32), spots.shape)
    tone[near] *= shadow * (0.35 + 0.65 * _open(spots, flat))
    return tone[:, None] * np.array([1.0, 0.985, 0.965], np.float32)


def _unit(vector: tuple[float, float, float]) -> Floats:
    return np.asarray(np.array(vector) / np.linalg.norm(vector), np.float32)


def _develop(light: Floats) -> bytes:
    """Linear light, shape (height, width, 3), as the JPEG a camera would hand out: tone, grain, sRGB."""
    grain = np.random.default_rng(7).normal(0, NOISE, light.shape[:2])[..., None]
    srgb = np.clip(light, 0, 1) ** (1 / 2.2) + grain
    image = Image.fromarray((np.clip(srgb, 0, 1) * 255 + 0.5).astype(np.uint8))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=92)
    return out.getvalue()
