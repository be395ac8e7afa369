"""The decisions of a rasterizer: two that share them draw the same picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from videoengine.errors import UsageError

LEAST_ALPHA: Final = 1e-10
"""Where less is covered there is nothing to have a depth."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Thresholds; the defaults are those of gsplat 1.6 and of Kerbl et al. 2023."""

    alpha_min: float = 1 / 255
    """A splat that covers less of a pixel is passed over."""
    alpha_max: float = 0.99
    """Nothing is more opaque; gsplat 1.5.3 has 0.999."""
    light_min: float = 1e-4
    """A pixel ends before its transmittance would fall to this."""
    blur: float = 0.3
    """px^2, added to both variances of a splat: a pixel's own extent."""
    near: float = 0.01
    """Least z, in the units of the scene."""
    far: float = 1e10
    margin: float = 0.3
    """Of half the picture: slopes x/z and y/z beyond its border by more are clamped."""

    def __post_init__(self) -> None:
        """Refuse what no picture can be drawn with."""
        good = (
            0 < self.alpha_min < self.alpha_max < 1
            and 0 < self.light_min < 1
            and self.blur > 0
            and 0 < self.near < self.far
            and self.margin >= 0
        )
        if not good:
            raise UsageError(
                "These rules draw no picture",
                got=self,
                allowed="0 < alpha_min < alpha_max < 1, 0 < light_min < 1, blur > 0, "
                "0 < near < far, margin >= 0",
            )

    def numbers(self) -> tuple[float, float, float, float, float, float, float]:
        """Return them in the order of the native rasterizer."""
        return (
            *(self.alpha_min, self.alpha_max, self.light_min, self.blur),
            *(self.near, self.far, self.margin),
        )
