"""The statistics of one picture over a grid of cells, as both stages read them.

`cuda/include/videoengine/frame_statistics.h` defines every number; this is its view in Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from videoengine import _native
from videoengine.frames import Pixels

ROWS: Final = 18
COLUMNS: Final = 32
CELLS: Final = ROWS * COLUMNS
HISTOGRAM_BINS: Final = 64
"""Bins of four codes of luma each."""
PROBES: Final = 64
"""Lines of each axis scanned for the edge of the view."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Channel(IntEnum):
    """What is summed in a cell; luma is 0 (black) to 219 (white), chroma -112 to 112."""

    SITES = 0
    LUMA = 1
    LUMA_SQUARED = 2
    CB = 3
    CR = 4
    GRADIENT = 5
    LAPLACIAN = 6
    DARK = 7
    CLIPPED = 8
    HIGHLIGHT = 9
    TISSUE = 10
    RED = 11


_HISTOGRAM_AT: Final = CELLS * len(Channel)
_PROBES_AT: Final = _HISTOGRAM_AT + HISTOGRAM_BINS
LENGTH: Final = _PROBES_AT + 2 * PROBES * 2
_DARK: Final = int(Channel.DARK)


@dataclass(frozen=True, slots=True)
class FrameStatistics:
    """What one pass over the planes found; a site is one block of 2x2 luma samples."""

    total: Floats
    """(len(Channel),): every channel summed over the picture."""
    means: Floats
    """(CELLS, len(Channel)) a site, row by row from the top left of the coded picture."""
    lit: NDArray[np.bool_]
    """(CELLS,): less than half of the cell's sites are dark; the others say nothing."""
    seen: Floats
    """(N, len(Channel)): `means` of the lit cells."""
    histogram: Integers
    """(HISTOGRAM_BINS,): luma of every second site of every second row."""
    edges: Integers
    """(2, PROBES, 2): first and last lit site of the probed rows, then columns; -1: none."""
    sites: tuple[int, int]
    """(columns, rows) of sites."""


def statistics_of(pixels: Pixels) -> FrameStatistics:
    """Return the picture's statistics; computed once, however many stages ask."""
    return pixels.derived("frame_statistics", _measure)


def _measure(pixels: Pixels) -> FrameStatistics:
    out = np.empty(LENGTH, np.int64)
    planes: list[Any] = list(pixels.planes())
    _native.frame_statistics(planes, out, pixels.layout, pixels.bit_depth, pixels.color.full_range)
    width, height = pixels.size
    return view_of(out, ((width + 1) // 2, (height + 1) // 2))


def view_of(out: Integers, sites: tuple[int, int]) -> FrameStatistics:
    """Return the named parts of the native op's output, (LENGTH,) int64."""
    cells = out[:_HISTOGRAM_AT].reshape(CELLS, len(Channel))
    # A picture of fewer sites than cells leaves some cells empty.
    means = cells / np.maximum(cells[:, :1], 1)
    lit = (means[:, _DARK] < 0.5) & (cells[:, 0] > 0)
    return FrameStatistics(
        total=cells.sum(axis=0).astype(np.float64),
        means=means,
        lit=lit,
        seen=means[lit],
        histogram=out[_HISTOGRAM_AT:_PROBES_AT],
        edges=out[_PROBES_AT:].reshape(2, PROBES, 2),
        sites=sites,
    )
