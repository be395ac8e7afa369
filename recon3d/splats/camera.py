"""The camera of a rasterized picture: pinhole or fisheye, a lamp beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

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


WIDEST: Final = 1e8
"""The largest tan^2 of an angle that is drawn: 89.99 degrees."""


@dataclass(frozen=True, slots=True)
class Fisheye:
    """The equidistant lens of Kannala and Brandt 2006, as OpenCV's fisheye module has it.

    What is seen at the angle t to the axis lies t (1 + k1 t^2 + k2 t^4 + k3 t^6 + k4 t^8) focal
    lengths from the principal point. What lies at an angle where that no longer grows, or at more
    than 90 degrees, is not drawn.
    """

    k1: float = 0.0
    k2: float = 0.0
    k3: float = 0.0
    k4: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no number."""
        if not all(map(math.isfinite, self.coefficients)):
            raise UsageError(
                "A fisheye has impossible numbers", got=self.coefficients, allowed="finite numbers"
            )

    @property
    def coefficients(self) -> tuple[float, float, float, float]:
        """Return k1 to k4."""
        return (self.k1, self.k2, self.k3, self.k4)

    @property
    def largest_angle_rad(self) -> float:
        """Return the angle to which the lens draws, at most pi / 2."""
        slope = [1.0, *((2 * i + 3) * k for i, k in enumerate(self.coefficients))]
        roots = np.polynomial.Polynomial(slope).roots()
        real = roots[(np.abs(roots.imag) < 1e-9) & (roots.real > 0)].real
        return min([math.pi / 2, *(math.sqrt(root) for root in real)])

    @property
    def widest(self) -> float:
        """Return the largest tan^2 of an angle that is drawn."""
        angle = self.largest_angle_rad
        return WIDEST if angle > math.atan(math.sqrt(WIDEST)) else math.tan(angle) ** 2

    def numbers(self) -> list[float]:
        """Return them in the order of the native rasterizer."""
        return [*self.coefficients, self.widest]


@dataclass(frozen=True, slots=True)
class SplatCamera:
    """A pinhole without distortion, or a fisheye: x right, y down, z ahead.

    A pixel's center is whole. gsplat, like most, puts pixel centers at halves: its principal point
    is ours plus 1/2.
    """

    width: int
    height: int
    fx: float
    """Pixels."""
    fy: float
    cx: float
    cy: float
    lamp: Lamp | None = None
    fisheye: Fisheye | None = None
    """None: a pinhole."""

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
