"""Dirt on the lens: a blurred patch that stays where it is while the scene moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine.models.quality.frame_statistics import (
    CELLS,
    COLUMNS,
    ROWS,
    Channel,
    FrameStatistics,
)
from videoengine.models.quality.ramps import middle, ramp

Floats = NDArray[np.float64]

MEMORY: Final = 0.02
"""Weight of a new sample in the running means, once they have that many."""
MOVES: Final = 1.5
"""Median change of the cells' luma between two samples from which a scene moves, in codes."""
LEAST_SAMPLES: Final = 25
"""Samples of a moving scene before anything is said."""
STILL: Final = 0.5
"""A patch changes less than this part of what its surroundings change ..."""
SMOOTH: Final = 0.3
"""... and shows less than this part of their texture."""
SOILED: Final = (0.02, 0.10)
"""Part of the lit cells that is soiled: none, worst."""


@dataclass(frozen=True, slots=True, eq=False)
class SoilingState:
    """Running means over the samples in which the scene moved."""

    luma: Floats
    """(CELLS,): of the last sample."""
    change: Floats
    texture: Floats
    samples: int = 0


def no_soiling() -> SoilingState:
    """Return the state before the first sample."""
    return SoilingState(np.full(CELLS, -1.0), np.zeros(CELLS), np.zeros(CELLS))


def follow(
    state: SoilingState, statistics: FrameStatistics, *, memory: float = MEMORY
) -> SoilingState:
    """Return the state after a sample.

    Args:
        state: Before the sample.
        statistics: Of the sample.
        memory: Least weight of a new sample; MEMORY suits 5 samples a second.
    """
    luma = statistics.means[:, Channel.LUMA]
    if state.luma[0] < 0:
        return SoilingState(luma, state.change, state.texture, state.samples)
    change = np.abs(luma - state.luma)
    lit = statistics.lit
    if not lit.any() or middle(change[lit]) < MOVES:
        return SoilingState(luma, state.change, state.texture, state.samples)
    texture = statistics.means[:, Channel.GRADIENT]
    weight = max(memory, 1.0 / (state.samples + 1))
    return SoilingState(
        luma,
        state.change + weight * (change - state.change),
        state.texture + weight * (texture - state.texture),
        state.samples + 1,
    )


def soiling_of(state: SoilingState, statistics: FrameStatistics) -> float:
    """Return the soiling, 0 until the scene has moved long enough to tell."""
    if state.samples < LEAST_SAMPLES:
        return 0.0
    lit = statistics.lit
    around_change, around_texture = surroundings(np.stack((state.change, state.texture)), lit)
    soiled = (
        lit
        & (around_change > 0)
        & (state.change < STILL * around_change)
        & (state.texture < SMOOTH * around_texture)
    )
    return ramp(float(soiled.sum()) / max(1, int(lit.sum())), *SOILED)


def surroundings(values: Floats, lit: NDArray[np.bool_]) -> Floats:
    """Return the mean of the lit cells in the 9 x 9 cells around each cell, (N, CELLS) as given."""
    reach, size = 4, 9
    planes = np.concatenate((values * lit, lit[None]), axis=0).reshape(-1, ROWS, COLUMNS)
    padded = np.zeros((len(planes), ROWS + size, COLUMNS + size))
    padded[:, reach + 1 : reach + 1 + ROWS, reach + 1 : reach + 1 + COLUMNS] = planes
    total = padded.cumsum(axis=1).cumsum(axis=2)
    box = (
        total[:, size:, size:]
        - total[:, :-size, size:]
        - total[:, size:, :-size]
        + total[:, :-size, :-size]
    ).reshape(len(planes), CELLS)
    mean: Floats = box[:-1] / np.maximum(box[-1], 1.0)
    return mean
