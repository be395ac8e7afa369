"""The camera of a rasterized picture: pinhole, a lamp beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from videoengine.errors import UsageError

LARGEST_SIDE: Final = 16384


@dataclass(frozen=True, slots=True)
class Lamp:
    """A spot light at the camera: what lies at `distance` on its axis shows its own color.

    Elsewhere a color is multiplied by (distance / r)^2 cos^exponent of the angle to the axis.
    """

    distance: float
    """In the units of the scene."""
    exponent: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a lamp that lights nothing."""
        if not (math.isfinite(self.distance) and self.distance > 0 and self.exponent >= 0):
            raise UsageError(
                "This lamp lights nothing", got=self, allowed="distance > 0, exponent >= 0"
            )


@dataclass(frozen=True, slots=True)
class SplatCamera:
    """A pinhole without distortion: x right, y down, z ahead; a pixel's center is whole.

    gsplat, like most, puts pixel centers at halves: its principal point is ours plus 1/2.
    """

    width: int
    height: int
    fx: float
    """Pixels."""
    fy: float
    cx: float
    cy: float
    lamp: Lamp | None = None

    def __post_init__(self) -> None:
        """Refuse a camera that sees nothing."""
        sides = (self.width, self.height)
        if not all(1 <= side <= LARGEST_SIDE for side in sides):
            raise UsageError(
                "A picture has an impossible size", got=sides, allowed=f"1 to {LARGEST_SIDE} pixels"
            )
        lens = (self.fx, self.fy, self.cx, self.cy)
        if not all(map(math.isfinite, lens)) or self.fx <= 0 or self.fy <= 0:
            raise UsageError(
                "A camera has impossible numbers", got=lens, allowed="finite, fx > 0 and fy > 0"
            )

    def slopes(self, margin: float) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the least and the largest (x/z, y/z) at which a splat's shape is still followed.

        Args:
            margin: Of half the picture, beyond its border.
        """
        side_x, side_y = margin * self.width / (2 * self.fx), margin * self.height / (2 * self.fy)
        low = (-(self.cx + 0.5) / self.fx - side_x, -(self.cy + 0.5) / self.fy - side_y)
        high = (
            (self.width - 0.5 - self.cx) / self.fx + side_x,
            (self.height - 0.5 - self.cy) / self.fy + side_y,
        )
        return low, high
