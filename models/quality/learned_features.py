"""What the learned network is told of a sample: numbers from the statistics the rules read.

Nothing here depends on where a thing lies, but for the middle of the picture against the whole:
a simulator's layouts must not be learned by heart.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine.models.quality import severities
from videoengine.models.quality.frame_statistics import (
    CELLS,
    COLUMNS,
    HISTOGRAM_BINS,
    ROWS,
    Channel,
    Floats,
    FrameStatistics,
)
from videoengine.models.quality.out_of_body import REFERENCE_COLUMNS, cues_of
from videoengine.models.quality.soiling import SoilingState, surroundings

VERSION: Final = 1
"""Raised with every change of what follows: weights of another version are refused."""
PERCENTILES: Final = (10, 50, 90)
CB_OVER_LUMA: Final = (-0.40, 0.10)
"""Range of the histogram of chroma; what lies beyond is counted at its end."""
CR_OVER_LUMA: Final = (-0.05, 0.60)
CHROMA_BINS: Final = 6
LUMA_BINS: Final = 16
STILL_EDGES: Final = (0.2, 0.4, 0.6, 0.8)
"""Change of a cell over that of its surroundings, between these ..."""
SMOOTH_EDGES: Final = (0.2, 0.4, 0.7)
"""... and its texture over theirs."""
NOW_EDGES: Final = (0.1, 0.2, 0.4, 0.7, 1.3)
"""The same texture in this sample alone."""

_QUANTITIES: Final = 9
_OF_PICTURE: Final = _QUANTITIES * (3 + len(PERCENTILES)) + CHROMA_BINS**2 + LUMA_BINS + 8 + 4
_OF_SOILING: Final = (len(STILL_EDGES) + 1) * (len(SMOOTH_EDGES) + 1) + len(NOW_EDGES) + 1
LENGTH: Final = _OF_PICTURE + _OF_SOILING

_Y, _X = np.divmod(np.arange(CELLS), COLUMNS)
_MIDDLE: Final = (abs(_Y + 0.5 - ROWS / 2) < ROWS / 4) & (abs(_X + 0.5 - COLUMNS / 2) < COLUMNS / 4)


def features_of(statistics: FrameStatistics, state: SoilingState) -> Floats:
    """Return the numbers of a sample, (LENGTH,).

    Args:
        statistics: Of the sample.
        state: What was followed up to this sample and with it.
    """
    if not len(statistics.seen):
        return np.zeros(LENGTH)
    return np.concatenate((_picture(statistics), _soiling(statistics, state)))


def _picture(statistics: FrameStatistics) -> Floats:
    quantities = _quantities(statistics)
    middle = quantities[_MIDDLE[statistics.lit]]
    mean = quantities.mean(axis=0)
    ordered = np.sort(quantities, axis=0)
    cues = cues_of(statistics)
    counts = statistics.histogram.reshape(LUMA_BINS, HISTOGRAM_BINS // LUMA_BINS).sum(axis=1)
    total = statistics.total
    return np.concatenate(
        (
            mean,
            quantities.std(axis=0),
            middle.mean(axis=0) - mean if len(middle) else np.zeros(_QUANTITIES),
            *(ordered[(len(ordered) - 1) * percent // 100] for percent in PERCENTILES),
            _chroma(quantities[:, 1], quantities[:, 2]),
            counts / max(1, int(counts.sum())),
            (cues.lit, cues.pale, cues.flat, cues.wet),
            (cues.relief, cues.albedo, cues.red, cues.detail / 10.0),
            (severities.smoke_of(statistics), severities.blur_of(statistics.seen)),
            (severities.glare_of(total), severities.exposure_of(total)),
        )
    )


def _quantities(statistics: FrameStatistics) -> Floats:
    """Return what each lit cell shows, (N, _QUANTITIES)."""
    cells = statistics.seen
    finer = min(1.5, math.sqrt(REFERENCE_COLUMNS / statistics.sites[0]))
    light = np.maximum(cells[:, Channel.LUMA], 1.0)
    gradient = cells[:, Channel.GRADIENT]
    contrast = np.sqrt(np.maximum(cells[:, Channel.LUMA_SQUARED] - light * light, 0.0))
    return np.stack(
        (
            light / 219.0,
            np.clip(cells[:, Channel.CB] / light, -1.0, 1.0),
            np.clip(cells[:, Channel.CR] / light, -1.0, 1.0),
            np.log1p(gradient / finer),
            np.log1p(contrast),
            np.minimum(cells[:, Channel.LAPLACIAN] / np.maximum(gradient, 0.5), 3.0),
            cells[:, Channel.TISSUE],
            cells[:, Channel.RED],
            cells[:, Channel.HIGHLIGHT],
        ),
        axis=1,
    )


def _binned(values: Floats, low: float, high: float) -> NDArray[np.int64]:
    place = (values - low) * (CHROMA_BINS / (high - low))
    return np.clip(place, 0, CHROMA_BINS - 1).astype(np.int64)


def _chroma(cb: Floats, cr: Floats) -> Floats:
    """Return the share of cells in each bin of chroma over luma, root taken, (CHROMA_BINS²,)."""
    places = _binned(cb, *CB_OVER_LUMA) * CHROMA_BINS + _binned(cr, *CR_OVER_LUMA)
    return np.sqrt(np.bincount(places, minlength=CHROMA_BINS**2) / len(cb))


def _soiling(statistics: FrameStatistics, state: SoilingState) -> Floats:
    """Return shares of the lit cells that are stiller and smoother than around them, root taken."""
    lit = statistics.lit
    now = statistics.means[:, Channel.GRADIENT]
    values = np.stack((state.change, state.texture, now))
    ratios = values / np.maximum(surroundings(values, lit), 1e-6)
    still, smooth, texture = ratios[:, lit]
    columns = len(SMOOTH_EDGES) + 1
    places = np.searchsorted(STILL_EDGES, still) * columns + np.searchsorted(SMOOTH_EDGES, smooth)
    joint = np.bincount(places, minlength=(len(STILL_EDGES) + 1) * columns)
    if not state.samples:
        joint = np.zeros_like(joint)
    alone = np.bincount(np.searchsorted(NOW_EDGES, texture), minlength=len(NOW_EDGES) + 1)
    shares: Floats = np.sqrt(np.concatenate((joint, alone)) / len(still))
    return shares
