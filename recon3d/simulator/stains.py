"""Blood, char and water on the tissue: a coarse grid in material coordinates.

Fluid above what clings runs to the lowest neighbor; nothing is made or lost but by bleeding,
rinsing, suction and drying, and each is counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine.recon3d.simulator.anatomy import Grid

BLOOD, CHAR, WATER = 0, 1, 2
CLINGS: Final = (0.55, 0.16)
"""Thickness of blood and of water that a wall holds."""
RUNS_PER_STEP: Final = 0.4
STEP_TICKS: Final = 5
DRIES: Final = 0.02
"""Share of the water that goes away in a step."""


@dataclass(slots=True)
class Account:
    """What came, and what went, in units of thickness times cells."""

    blood_in: float = 0.0
    blood_out: float = 0.0
    water_in: float = 0.0
    water_out: float = 0.0


class Slope:
    """Where fluid runs: for each cell the lowest of its neighbors, or itself in a hollow."""

    def __init__(self, grid: Grid, shape: tuple[int, int], down: NDArray[np.float64]) -> None:
        """Sample the surface at `shape` cells; `down` is the direction of gravity in the world."""
        rows, columns = shape
        r = np.linspace(0, grid.rest.shape[0] - 1, rows).round().astype(np.int64)
        c = np.linspace(0, grid.rest.shape[1] - 1, columns).round().astype(np.int64)
        height = -(grid.rest[np.ix_(r, c)].astype(np.float64) @ down)
        best, index = height.copy(), np.arange(rows * columns).reshape(shape)
        to: NDArray[np.int64] = index
        for dr, dc in ((-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1)):
            other = np.full(shape, np.inf)
            number = np.zeros(shape, np.int64)
            rows_to, rows_from = _shifted(rows, dr)
            if grid.wraps:
                other[rows_to] = np.roll(height, -dc, axis=1)[rows_from]
                number[rows_to] = np.roll(index, -dc, axis=1)[rows_from]
            else:
                columns_to, source = _shifted(columns, dc)
                other[rows_to, columns_to] = height[rows_from, source]
                number[rows_to, columns_to] = index[rows_from, source]
            lower = other < best - 1e-9
            best = np.where(lower, other, best)
            to = np.where(lower, number, to)
        self.to: NDArray[np.int64] = to.ravel()


def _shifted(length: int, by: int) -> tuple[slice, slice]:
    """Return where cells lie that have a neighbor `by` further, and where those neighbors lie."""
    if by < 0:
        return slice(1, length), slice(0, length - 1)
    if by > 0:
        return slice(0, length - 1), slice(1, length)
    return slice(0, length), slice(0, length)


class Stains:
    """The grid and its account; `copy` is cheap enough for checkpoints."""

    def __init__(
        self, shape: tuple[int, int], cell_mm: tuple[float, float], *, wraps: bool
    ) -> None:
        """Start clean; `cell_mm` is the size of a cell along rows and columns."""
        self.grid = np.zeros((*shape, 3), np.float32)
        self.account = Account()
        self._cell_mm, self._wraps = cell_mm, wraps

    def copy(self) -> Stains:
        """Return an equal one that shares nothing that changes."""
        rows, columns, _ = self.grid.shape
        other = Stains((rows, columns), self._cell_mm, wraps=self._wraps)
        other.grid = self.grid.copy()
        other.account = Account(**{k: getattr(self.account, k) for k in Account.__slots__})
        return other

    def _around(
        self, u: float, v: float, radius_mm: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Return rows, columns and weights (a parabola that falls to 0) of cells around a place."""
        rows, columns, _ = self.grid.shape
        r0, c0 = v * (rows - 1), u * (columns if self._wraps else columns - 1)
        reach_r = int(np.ceil(radius_mm / self._cell_mm[0])) + 1
        reach_c = int(np.ceil(radius_mm / self._cell_mm[1])) + 1
        r, c = np.meshgrid(
            np.arange(round(r0) - reach_r, round(r0) + reach_r + 1),
            np.arange(round(c0) - reach_c, round(c0) + reach_c + 1),
            indexing="ij",
        )
        away = ((r - r0) * self._cell_mm[0]) ** 2 + ((c - c0) * self._cell_mm[1]) ** 2
        weight = np.maximum(1.0 - away / max(radius_mm, max(self._cell_mm)) ** 2, 0.0)
        c = c % columns if self._wraps else c
        kept = (weight > 0) & (r >= 0) & (r < rows) & (c >= 0) & (c < columns)
        return r[kept], c[kept], weight[kept]

    def pour(self, channel: int, u: float, v: float, radius_mm: float, amount: float) -> None:
        """Add `amount` (thickness times cells) of blood or water around a place."""
        r, c, weight = self._around(u, v, radius_mm)
        if not len(r):
            return
        before = float(self.grid[..., channel].sum(dtype=np.float64))
        self.grid[r, c, channel] += (amount * weight / weight.sum()).astype(np.float32)
        came = float(self.grid[..., channel].sum(dtype=np.float64)) - before
        if channel == BLOOD:
            self.account.blood_in += came
        else:
            self.account.water_in += came

    def burn(self, u: float, v: float, radius_mm: float, amount: float) -> None:
        """Char the tissue around a place; what bled there is sealed."""
        r, c, weight = self._around(u, v, radius_mm)
        self.grid[r, c, CHAR] = np.minimum(self.grid[r, c, CHAR] + amount * weight, 1.0)

    def suck(self, u: float, v: float, radius_mm: float, share: float) -> None:
        """Take away a share of the blood and water around a place."""
        r, c, weight = self._around(u, v, radius_mm)
        keep = (1.0 - share * weight)[:, None].astype(np.float32)
        before = self._sums()
        self.grid[r, c, BLOOD : WATER + 1 : 2] *= keep
        self._went(before)

    def _sums(self) -> tuple[float, float]:
        blood, water = self.grid[..., BLOOD], self.grid[..., WATER]
        return float(blood.sum(dtype=np.float64)), float(water.sum(dtype=np.float64))

    def _went(self, before: tuple[float, float]) -> None:
        after = self._sums()
        self.account.blood_out += before[0] - after[0]
        self.account.water_out += before[1] - after[1]

    def run(self, slope: Slope) -> None:
        """Let fluids run for one step, and water dry."""
        water = self.grid[..., WATER].ravel().astype(np.float64)
        blood = self.grid[..., BLOOD].ravel().astype(np.float64)
        if not (blood.any() or water.any()):
            return
        # where water stands, blood clings less: that is how rinsing cleans
        clings = CLINGS[0] / (1.0 + 6.0 * water)
        for values, hold, channel in ((blood, clings, BLOOD), (water, CLINGS[1], WATER)):
            moving = RUNS_PER_STEP * np.maximum(values - hold, 0.0)
            values = values - moving + np.bincount(slope.to, moving, len(values))
            self.grid[..., channel] = values.reshape(self.grid.shape[:2]).astype(np.float32)
        before = self._sums()
        self.grid[..., WATER] *= np.float32(1.0 - DRIES)
        self._went(before)
