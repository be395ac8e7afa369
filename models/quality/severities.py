"""Severities of one picture, 0 (perfect) to 1, from its statistics."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine.models.quality.frame_statistics import Channel, FrameStatistics
from videoengine.models.quality.ramps import middle, ramp

Floats = NDArray[np.float64]
Levels = tuple[float, float]
"""(perfect, worst)."""

SHARPNESS: Final[Levels] = (1.00, 0.25)
"""Second difference over gradient where the picture has contrast: a defocused edge has little."""
TOO_DARK: Final[Levels] = (50.0, 20.0)
"""Mean luma of the lit sites."""
TOO_BRIGHT: Final[Levels] = (140.0, 190.0)
LIT: Final[Levels] = (0.30, 0.05)
"""Part of the sites that is lit."""
CLIPPED: Final[Levels] = (0.10, 0.50)
"""Part of the lit sites that is clipped."""
GLARE: Final[Levels] = (0.04, 0.30)
"""Part of the lit sites that is a highlight."""
LIFTED: Final[Levels] = (0.45, 0.80)
"""Darkest twentieth of the lit sites over their mean luma: haze lifts it ..."""
PALED: Final[Levels] = (0.26, 0.10)
"""... and takes the color away: median chroma over luma of the lit cells."""
LIT_BIN: Final = 3
"""First bin of the histogram that counts as lit, codes 12 and up."""


def blur_of(cells: Floats) -> float:
    """Return how soft the most contrasted half of the lit cells, (N, channels), is."""
    if len(cells) < 4:
        return 1.0
    luma = cells[:, Channel.LUMA]
    contrast = cells[:, Channel.LUMA_SQUARED] - luma * luma
    strong = cells[np.argsort(contrast, kind="stable")[len(cells) // 2 :]]
    # The quietest cells show the sensor's noise, which would pass for sharpness.
    quiet = np.sort(cells[:, (Channel.GRADIENT, Channel.LAPLACIAN)], axis=0)[len(cells) // 10]
    mean = strong.sum(axis=0) / len(strong)
    gradient = float(mean[Channel.GRADIENT] - quiet[0])
    sharpness = float(mean[Channel.LAPLACIAN] - quiet[1]) / max(gradient, 1e-9)
    return ramp(sharpness, *SHARPNESS)


def exposure_of(total: Floats) -> float:
    """Return the distance from a well-exposed picture, dark or bright."""
    lit = max(1.0, float(total[Channel.SITES] - total[Channel.DARK]))
    luma = float(total[Channel.LUMA]) / max(1.0, float(total[Channel.SITES]))
    in_view = min(219.0, luma * float(total[Channel.SITES]) / lit)
    return max(
        ramp(in_view, *TOO_DARK),
        ramp(in_view, *TOO_BRIGHT),
        ramp(float(total[Channel.CLIPPED]) / lit, *CLIPPED),
        ramp(lit / max(1.0, float(total[Channel.SITES])), *LIT),
    )


def glare_of(total: Floats) -> float:
    """Return the glare: how much of the lit part is a highlight."""
    lit = max(1.0, float(total[Channel.SITES] - total[Channel.DARK]))
    return ramp(float(total[Channel.HIGHLIGHT]) / lit, *GLARE)


def smoke_of(statistics: FrameStatistics) -> float:
    """Return the haze: lifted darks and faded color, together."""
    counts = statistics.histogram[LIT_BIN:].astype(np.float64)
    count = float(counts.sum())
    cells = statistics.seen
    if count < 1 or not len(cells):
        return 0.0
    codes = 4.0 * np.arange(LIT_BIN, len(statistics.histogram)) + 2.0
    darkest = float(codes[int(np.searchsorted(np.cumsum(counts), 0.05 * count))])
    lifted = ramp(darkest / float((codes @ counts) / count), *LIFTED)
    if lifted == 0.0:
        return 0.0
    chroma = np.hypot(cells[:, Channel.CB], cells[:, Channel.CR])
    paled = middle(chroma / np.maximum(cells[:, Channel.LUMA], 1.0))
    return float(np.sqrt(lifted * ramp(paled, *PALED)))
