"""From light to a file: exposure, blur, noise and JPEG, as a camera's."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from training.renders.rendering import to_srgb
from training.renders.studio import Camera, Floats, Generator


def develop(light: Floats, camera: Camera, rng: Generator) -> bytes:
    """Return a JPEG.

    Args:
        light: Linear RGB, 0 to about 1, shape (H, W, 3).
        camera: That takes the picture.
        rng: Of the noise.
    """
    blurred = gaussian_filter(_with_shoulder(light * camera.balance), (camera.blur, camera.blur, 0))
    encoded = to_srgb(blurred)
    grain = rng.normal(0, camera.noise, (*encoded.shape[:2], 1))
    grain = grain + rng.normal(0, camera.noise / 2, encoded.shape)
    # Encoded, a sensor's noise is nearly even in all tones; what is white has none.
    pixels: NDArray[np.uint8] = np.round(encoded + grain * (encoded < 252)).clip(0, 255).astype(np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=camera.quality)
    return file.getvalue()


def _with_shoulder(light: Floats) -> Floats:
    """Bend what is brighter than white paper instead of cutting it off."""
    start = 0.85
    over = np.maximum(light - start, 0)
    bent: Floats = np.where(light > start, start + (1 - start) * (1 - np.exp(-over / (1 - start))), light)
    return bent.astype(np.float32)
