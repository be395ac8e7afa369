"""What a frame inherits from the past: stains, smoke, held tissue, the lens, the exposure.

The state advances on the plan's own ticks of 40 ms and asks for no frame: the light is metered on a
picture of a few hundred pixels. So the state at a tick is the same whatever was rendered before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine.recon3d.simulator.smoke import Smoke
from videoengine.recon3d.simulator.stains import Stains

TICK_S: Final = 0.04
METER_TICKS: Final = 2
"""The light is metered every so many ticks."""
METER_S: Final = METER_TICKS * TICK_S
EXPOSURE_S: Final = 0.3
"""Time constant of the exposure control."""
AMBIENT_S: Final = 0.2
RELAXES_S: Final = 0.45
"""Time constant with which released tissue goes back."""
HELD_RADIUS_MM: Final = 7.0
MOST_PULLS: Final = 8
MOST_DROPS: Final = 24


@dataclass(slots=True)
class State:
    """Everything that changes, as it stands after `tick`."""

    stains: Stains
    smoke: Smoke = field(default_factory=Smoke)
    tick: int = -1
    log_gain: float = 0.0
    """log2 of the exposure gain."""
    ambient: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))
    """Irradiance of bounced light."""
    pulls: dict[int, NDArray[np.float64]] = field(default_factory=dict[int, NDArray[np.float64]])
    """By visit: center (3), displacement (3), radius; world, mm."""
    drops: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 7)))
    """Soil on the lens, as the renderer reads it."""

    def copy(self) -> State:
        """Return an equal state that shares nothing that changes."""
        return State(
            stains=self.stains.copy(),
            smoke=self.smoke.copy(),
            tick=self.tick,
            log_gain=self.log_gain,
            ambient=self.ambient.copy(),
            pulls={k: v.copy() for k, v in self.pulls.items()},
            drops=self.drops.copy(),
        )

    def pull_rows(self) -> NDArray[np.float32]:
        """Return the pulls as the renderer reads them, the strongest when there are too many."""
        rows = sorted(self.pulls.values(), key=lambda p: -float(np.abs(p[3:6]).sum()))[:MOST_PULLS]
        return np.asarray(rows, np.float32).reshape(-1, 7)

    def hold(self, visit: int, center: NDArray[np.float64], pull: NDArray[np.float64]) -> None:
        """Keep tissue displaced by an instrument."""
        self.pulls[visit] = np.concatenate([center, pull, [HELD_RADIUS_MM]])

    def relax(self, held: set[int]) -> None:
        """Let tissue that nothing holds go back, for one tick."""
        keep = float(np.exp(-TICK_S / RELAXES_S))
        for visit in list(self.pulls):
            if visit in held:
                continue
            self.pulls[visit][3:6] *= keep
            if float(np.abs(self.pulls[visit][3:6]).max()) < 0.02:
                del self.pulls[visit]

    def soil(self, draw: NDArray[np.float64], amount: float) -> None:
        """Put fresh spots of blood, fat and water on the lens; `draw` (20, 6) is uniform."""
        rows: list[list[float]] = []
        for d in draw[: 2 + int(6 * amount)].tolist():
            tint = (0.85, 0.35, 0.32) if d[5] < 0.45 else (0.98, 0.95, 0.86)
            radius = 0.03 + 0.16 * d[2] * d[2] * (0.4 + amount)
            opacity = 0.35 + 0.5 * d[3] * amount
            rows.append([0.8 * (d[0] - 0.5), 0.66 * (d[1] - 0.5), radius, opacity, *tint])
        self.drops = np.concatenate([self.drops, np.asarray(rows)])[-MOST_DROPS:]

    def expose(self, code: float, target: float, *, at_once: bool) -> None:
        """Move the gain toward the one that gives the mean code `target` (0 to 1)."""
        # a code goes with the 1/2.2th power of light; the shoulder makes that a little flatter
        wanted = 2.6 * float(np.log2(target / max(code, 1e-3)))
        share = 0.7 if at_once else 1.0 - float(np.exp(-METER_S / EXPOSURE_S))
        self.log_gain = float(np.clip(self.log_gain + share * np.clip(wanted, -4, 4), -7.0, 7.0))

    def bounce(self, radiosity: NDArray[np.float64], share: float, *, at_once: bool) -> None:
        """Move the ambient light toward a share of what the surfaces send out on average."""
        keep = 0.3 if at_once else float(np.exp(-METER_S / AMBIENT_S))
        self.ambient = self.ambient * keep + share * radiosity * (1 - keep)


class History:
    """States at ticks, made once: the newest, and copies of some before it.

    The number of copies is bounded: when there are too many every other one is dropped, so memory
    is flat in the length of a procedure.
    """

    EVERY: Final = 125
    MOST: Final = 48

    def __init__(self, first: State) -> None:
        """Start before the first tick."""
        self._copies: dict[int, State] = {first.tick: first.copy()}
        self._every = self.EVERY
        self.newest = first

    def back_to(self, tick: int) -> State:
        """Return the newest state at or before `tick`; the caller advances it in place."""
        if self.newest.tick > tick:
            best = max(t for t in self._copies if t <= tick)
            self.newest = self._copies[best].copy()
        else:
            ahead = [t for t in self._copies if self.newest.tick < t <= tick]
            if ahead:
                self.newest = self._copies[max(ahead)].copy()
        return self.newest

    def note(self) -> None:
        """Keep a copy of the newest state when its tick is due."""
        tick = self.newest.tick
        if tick % self._every == 0 and tick not in self._copies:
            self._copies[tick] = self.newest.copy()
            if len(self._copies) > self.MOST:
                self._every *= 2
                self._copies = {
                    t: s for t, s in self._copies.items() if t < 0 or t % self._every == 0
                }
