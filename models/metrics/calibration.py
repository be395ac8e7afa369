"""Whether probabilities can be believed: expected calibration error and the reliability table.

Guo et al., On Calibration of Modern Neural Networks, ICML 2017, section 2: equal bins of confidence
(low, high], the mean gap of confidence and accuracy weighted by the samples of a bin. torchmetrics
closes its bins on the other side; the two differ only at a bin's very edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from videoengine.models.metrics.confusion import Floats, ratio

BINS: Final = 15
"""Of Guo et al. and of torchmetrics."""


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """Confidence and accuracy by bin, B of them; NaN in an empty bin."""

    confidence: Floats
    """(B,), mean of the bin, 0 to 1."""
    accuracy: Floats
    """(B,), share that is right, 0 to 1."""
    samples: Floats
    """(B,)."""

    @property
    def expected_error(self) -> float:
        """ECE: mean gap weighted by samples, 0 to 1."""
        gaps = np.nan_to_num(np.abs(self.confidence - self.accuracy))
        return float((gaps * self.samples).sum() / self.samples.sum())

    @property
    def maximum_error(self) -> float:
        """MCE: widest gap of a bin that holds a sample, 0 to 1."""
        return float(np.nanmax(np.abs(self.confidence - self.accuracy)))


def reliability(confidence: ArrayLike, right: ArrayLike, *, bins: int = BINS) -> Reliability:
    """Return confidence and accuracy by bin.

    Args:
        confidence: Probability of what was stated, (N,) in 0 to 1.
        right: 0 or 1 (N,), whether it was true.
        bins: How many.
    """
    stated = np.asarray(confidence, np.float64).reshape(-1)
    hit = np.asarray(right, np.float64).reshape(-1)
    if stated.shape != hit.shape or not len(stated):
        raise ValueError(f"both must be (N,) with N > 0, got {stated.shape} and {hit.shape}")
    if not ((stated >= 0) & (stated <= 1)).all():
        raise ValueError(f"confidence must lie in 0 to 1, got {stated.min()} to {stated.max()}")
    place = np.searchsorted(np.linspace(0, 1, bins + 1), stated, side="left") - 1
    place = np.maximum(place, 0)  # a confidence of exactly 0
    samples = np.bincount(place, minlength=bins).astype(np.float64)
    return Reliability(
        ratio(np.bincount(place, stated, bins), samples),
        ratio(np.bincount(place, hit, bins), samples),
        samples,
    )


def top_label_reliability(
    probabilities: ArrayLike, truth: ArrayLike, *, bins: int = BINS
) -> Reliability:
    """Return the reliability of the likeliest class.

    Args:
        probabilities: (N, C) in 0 to 1.
        truth: Class ids (N,).
        bins: How many.
    """
    table = np.asarray(probabilities, np.float64)
    said = table.argmax(axis=1)
    return reliability(table.max(axis=1), said == np.asarray(truth), bins=bins)
