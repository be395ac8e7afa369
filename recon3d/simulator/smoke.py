"""Smoke of coagulation: puffs that rise, spread, swirl, and are vented with the gas.

A puff of mass m and standard deviation s has the optical thickness m / (2 pi s^2) through its
center. Merging and venting keep the account: what was made is what hangs plus what was vented.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine.recon3d.simulator.painting import fractal

MOST: Final = 16
FIRST_SPREAD_MM: Final = 3.5
DIFFUSES: Final = 26.0
"""mm²/s of growth of the variance, turbulence included."""
VENTED_IN_S: Final = 5.0
RISES: Final = 7.0
"""mm/s toward the scope's side."""
SWIRLS: Final = 9.0
"""mm/s of the turbulent drift."""
MASS, SPREAD = 3, 4


@dataclass(slots=True)
class Smoke:
    """All puffs: rows of x, y, z (world, mm), mass, spread."""

    puffs: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 5)))
    made: float = 0.0
    vented: float = 0.0

    def copy(self) -> Smoke:
        """Return an equal one that shares nothing."""
        return Smoke(self.puffs.copy(), self.made, self.vented)

    def emit(self, at: NDArray[np.float64], mass: float) -> None:
        """Add a puff; the two oldest become one when there are too many."""
        self.made += mass
        puff = np.concatenate([at, [mass, FIRST_SPREAD_MM]])[None]
        self.puffs = np.concatenate([self.puffs, puff])
        if len(self.puffs) > MOST:
            a, b = self.puffs[0], self.puffs[1]
            total = a[MASS] + b[MASS]
            share = a[MASS] / total if total > 0 else 0.5
            merged = a * share + b * (1 - share)
            merged[MASS] = total
            merged[SPREAD] = max(a[SPREAD], b[SPREAD])
            self.puffs = np.concatenate([merged[None], self.puffs[2:]])

    def step(self, seconds: float, time_s: float, seed: int, *, suction: float) -> None:
        """Let the smoke drift; `suction` (0 to 1) vents it faster."""
        if not len(self.puffs):
            return
        p = self.puffs
        p[:, SPREAD] = np.sqrt(p[:, SPREAD] ** 2 + 2 * DIFFUSES * seconds)
        drift = [
            fractal(p[:, 0] / 30 + 3.1 * i, p[:, 1] / 30 + 0.15 * time_s, seed + 70 + i, octaves=2)
            for i in range(3)
        ]
        p[:, :3] += seconds * SWIRLS * np.stack(drift, axis=1)
        p[:, 2] += seconds * RISES
        gone = p[:, MASS] * (1.0 - np.exp(-seconds * (1.0 + 4.0 * suction) / VENTED_IN_S))
        self.vented += float(gone.sum())
        p[:, MASS] -= gone
        thin = p[:, MASS] / (2 * np.pi * p[:, SPREAD] ** 2) < 1e-3
        self.vented += float(p[thin, MASS].sum())
        self.puffs = p[~thin]

    def thickness(self) -> NDArray[np.float64]:
        """Return the optical thickness through the center of each puff."""
        return self.puffs[:, MASS] / (2 * np.pi * self.puffs[:, SPREAD] ** 2)

    @property
    def hanging(self) -> float:
        """Mass in the air."""
        return float(self.puffs[:, MASS].sum())
