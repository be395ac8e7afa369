"""The evidence for out of body in one picture: a scorecard of named cues, no learned weights.

docs/privacy.md says why each cue stands here and where its levels come from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine.models.quality.frame_statistics import Channel, FrameStatistics
from videoengine.models.quality.ramps import ramp

Floats = NDArray[np.float64]

# Plain integers: indexing with them is quicker than with the members.
SITES, LUMA, CB, CR = (int(c) for c in (Channel.SITES, Channel.LUMA, Channel.CB, Channel.CR))
GRADIENT, DARK, HIGHLIGHT = int(Channel.GRADIENT), int(Channel.DARK), int(Channel.HIGHLIGHT)
TISSUE, RED = int(Channel.TISSUE), int(Channel.RED)

Levels = tuple[float, float]
"""(clearly in the body, clearly out of it)."""

FLAT_GRADIENT: Final = 2.0
"""Mean gradient, in codes a site, below which a cell shows no texture."""
REFERENCE_COLUMNS: Final = 427
"""Sites across a picture 854 wide, where the levels of gradients hold. A larger picture spreads the
same edge over more sites: its gradients are held to levels lower by the root of the ratio."""
WET: Final = (0.01, 0.7)
"""Part of a cell that highlights cover where it holds wet glints, not a lamp."""
SPREAD: Final = (10, 90)
"""Percentiles between which the spread of a chroma ratio is taken."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Levels of every cue. From `flat` on, they are averaged to one number, the evidence."""

    lit: Levels = (0.25, 0.15)
    """Part of the picture that is lit."""
    pale: Levels = (0.46, 0.61)
    """Part of the lit sites that is not warm: grey, white, green or blue."""
    evidence: Levels = (0.68, 0.43)
    """Weighted mean of the cues below, each 1 where clearly in the body."""
    flat: Levels = (0.15, 0.65)
    """Part of the lit cells without texture."""
    wet: Levels = (0.05, 0.01)
    """Part of the lit cells that hold wet glints."""
    relief: Levels = (0.35, 0.20)
    """Unevenness of light: deviation of the cells' luma over their mean."""
    albedo: Levels = (0.40, 0.20)
    """Spread of the chroma-to-luma ratios of warm cells: shading cannot make it."""
    red: Levels = (0.35, 0.10)
    """Part of the lit sites that is strongly red."""
    detail: Levels = (4.0, 2.0)
    """Median gradient of the lit cells, in codes a site; weighs half, as it moves with focus."""


@dataclass(frozen=True, slots=True)
class Cues:
    """The numbers the rule looks at; see Rule for their meaning."""

    lit: float
    pale: float
    flat: float
    wet: float
    relief: float
    albedo: float
    red: float
    detail: float


NOTHING: Final = Cues(0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
"""What a black picture shows."""


def cues_of(statistics: FrameStatistics) -> Cues:
    """Return the cues of a picture."""
    seen = statistics.seen
    if not len(seen):
        return NOTHING
    total = statistics.total.tolist()
    finer = min(1.5, math.sqrt(REFERENCE_COLUMNS / statistics.sites[0]))
    lit_sites = max(1.0, total[SITES] - total[DARK])
    luma, glints, gradient = seen[:, LUMA], seen[:, HIGHLIGHT], np.sort(seen[:, GRADIENT])
    light = float(luma.sum()) / len(seen)
    deviation = math.sqrt(max(0.0, float(luma @ luma) / len(seen) - light * light))
    return Cues(
        lit=lit_sites / max(1.0, total[SITES]),
        pale=1.0 - total[TISSUE] / lit_sites,
        flat=int(gradient.searchsorted(FLAT_GRADIENT * finer)) / len(seen),
        wet=int(np.count_nonzero((glints >= WET[0]) & (glints < WET[1]))) / len(seen),
        relief=deviation / max(1.0, light),
        albedo=_albedo(seen[seen[:, TISSUE] > 0.5]),
        red=total[RED] / lit_sites,
        detail=float(gradient[len(seen) // 2]) / finer,
    )


def _albedo(warm: Floats) -> float:
    if len(warm) < 2:
        return 0.0
    ratios = warm[:, CB : CR + 1] / np.maximum(warm[:, LUMA : LUMA + 1], 1.0)
    ratios.sort(axis=0)
    low, high = ((len(warm) - 1) * percent // 100 for percent in SPREAD)
    return math.hypot(*(ratios[high] - ratios[low]).tolist())


def evidence_of(cues: Cues, rule: Rule) -> float:
    """Return the evidence for in the body, 0 to 1."""
    marks = (
        1 - ramp(cues.flat, *rule.flat),
        1 - ramp(cues.wet, *rule.wet),
        1 - ramp(cues.relief, *rule.relief),
        1 - ramp(cues.albedo, *rule.albedo),
        1 - ramp(cues.red, *rule.red),
        (1 - ramp(cues.detail, *rule.detail)) / 2,
    )
    return sum(marks) / 5.5


def score_of(cues: Cues, rule: Rule) -> float:
    """Return the evidence for out of body, 0 to 1: the worst of light, paleness and the rest."""
    return max(
        ramp(cues.lit, *rule.lit),
        ramp(cues.pale, *rule.pale),
        ramp(evidence_of(cues, rule), *rule.evidence),
    )
