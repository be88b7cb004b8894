"""Soft shapes on a pixel grid: curves, blobs, lenses. Masks are float32, shape (H, W), 0 to 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

Floats = NDArray[np.float32]
Points = NDArray[np.float64]
Generator = np.random.Generator

_OVERSAMPLING = 4


def noise(shape: tuple[int, int], scale_px: float, rng: Generator) -> Floats:
    """Draw smooth noise of mean 0 and deviation 1 whose lumps are about ``scale_px`` wide."""
    step = max(1.0, scale_px / 2)
    small = rng.standard_normal((int(shape[0] / step) + 2, int(shape[1] / step) + 2)).astype(np.float32)
    smooth = np.asarray(Image.fromarray(small).resize((shape[1], shape[0]), Image.Resampling.BICUBIC))
    deviation = float(smooth.std()) + 1e-6
    return np.asarray((smooth - smooth.mean()) / deviation, np.float32)


def line(shape: tuple[int, int], points: Points, widths_px: Points) -> Floats:
    """Draw a polyline of changing width, anti-aliased.

    Args:
        shape: Height and width.
        points: (x, y) in pixels, shape (P, 2).
        widths_px: At each point, shape (P,).
    """
    canvas = Image.new("L", (shape[1] * _OVERSAMPLING, shape[0] * _OVERSAMPLING))
    pen = ImageDraw.Draw(canvas)
    scaled = points * _OVERSAMPLING
    for start, end, width in zip(scaled[:-1], scaled[1:], widths_px[1:] * _OVERSAMPLING, strict=True):
        pen.line([tuple(start), tuple(end)], fill=255, width=max(1, round(float(width))))
    return _shrunk(canvas, shape)


def polygon(shape: tuple[int, int], points: Points) -> Floats:
    """Fill a polygon, anti-aliased; points as for ``line``."""
    canvas = Image.new("L", (shape[1] * _OVERSAMPLING, shape[0] * _OVERSAMPLING))
    ImageDraw.Draw(canvas).polygon([tuple(point) for point in points * _OVERSAMPLING], fill=255)
    return _shrunk(canvas, shape)


def blob(
    shape: tuple[int, int], centre: Points, radius_px: float, roughness: float, rng: Generator
) -> Floats:
    """Fill an irregular round shape with a hard edge.

    Args:
        shape: Height and width.
        centre: (x, y) in pixels.
        radius_px: Mean radius.
        roughness: How far the outline strays from an ellipse, 0 to about 0.5 of the radius.
        rng: The source of chance.
    """
    angles = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    radius = np.ones_like(angles)
    for waves in range(2, 9):
        amplitude = roughness * rng.normal() / waves**0.9
        radius += amplitude * np.cos(waves * angles + rng.uniform(0, 2 * np.pi))
    radius = np.clip(radius, 0.25, 2.0) * radius_px
    stretch, turn = rng.uniform(0.55, 1.0), rng.uniform(0, np.pi)
    x, y = radius * np.cos(angles), radius * np.sin(angles) * stretch
    turned = np.stack((x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)), axis=1)
    return polygon(shape, centre + turned)


def curve(start: Points, heading: float, length_px: float, bend: float, points: int = 24) -> Points:
    """Follow a smooth curve, shape (points, 2): ``bend`` is how far it turns on its way, in radians."""
    headings = heading + bend * np.linspace(-0.5, 0.5, points)
    steps = np.stack((np.cos(headings), np.sin(headings)), axis=1) * length_px / points
    path: Points = start + np.cumsum(steps, axis=0) - steps.sum(axis=0) / 2
    return path


def walk(start: Points, heading: float, length_px: float, jaggedness: float, rng: Generator) -> Points:
    """Follow a jagged path, shape (P, 2), of pieces some pixels long."""
    pieces = max(5, int(length_px / rng.uniform(3, 7)))
    headings = (
        heading + np.cumsum(rng.normal(0, jaggedness * 0.35, pieces)) + rng.normal(0, jaggedness, pieces)
    )
    steps = np.stack((np.cos(headings), np.sin(headings)), axis=1) * length_px / pieces
    path: Points = start + np.cumsum(steps, axis=0) - steps.sum(axis=0) / 2
    return path


def softened(mask: Floats, sigma_px: float) -> Floats:
    """Blur a mask's edge."""
    return mask if sigma_px <= 0 else gaussian_filter(mask, sigma_px)


def _shrunk(canvas: Image.Image, shape: tuple[int, int]) -> Floats:
    small = canvas.resize((shape[1], shape[0]), Image.Resampling.BOX)
    shares: Floats = np.asarray(small, np.float32) / np.float32(255)
    return shares
