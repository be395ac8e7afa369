"""Where points fall in the picture."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine import _native
from videoengine.recon3d.simulator.scenery import intrinsics_of
from videoengine.recon3d.simulator.truth import Camera

Array = NDArray[np.float64]
NEAR_MM: Final = 0.5
SHAFT_MM: Final = np.linspace(-300.0, 0.0, 601)
"""Places along a shaft, counted from the wrist, that are looked for in the picture."""


class Lens:
    """The optics of the displayed frame, for points in camera coordinates."""

    def __init__(self, camera: Camera) -> None:
        """Take the camera of a frame."""
        self._size = camera.size
        self._numbers = intrinsics_of(camera).astype(np.float64)

    def pixels(self, points: Array) -> Array:
        """Return pixels (N, 2) of points (N, 3), NaN for what is not ahead."""
        out = np.full((len(points), 2), np.nan)
        ahead = points[:, 2] >= NEAR_MM
        found = np.empty((int(ahead.sum()), 2))
        _native.camera_project(self._numbers, np.ascontiguousarray(points[ahead]), found)
        out[ahead] = found
        return out

    def sees(self, pixels: Array) -> NDArray[np.bool_]:
        """Return which pixels (…, 2) lie in the picture."""
        width, height = self._size
        x, y = pixels[..., 0], pixels[..., 1]
        return (x >= -0.5) & (x < width - 0.5) & (y >= -0.5) & (y < height - 0.5)

    def entry(self, tool: Array) -> Array | None:
        """Return the first point (3,) of a tool's shaft that is in the picture, or None.

        `tool` (4, 4) leads from the tool to the camera.
        """
        points = tool[:3, 2] * SHAFT_MM[:, None] + tool[:3, 3]
        seen = self.sees(self.pixels(points))
        return points[int(np.argmax(seen))] if seen.any() else None
