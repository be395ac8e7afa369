"""Intervals over videos, and whether one system beats another.

The unit is the video: frames of one video are not independent. Percentile bootstrap; two systems
are drawn with the same videos (Efron and Tibshirani, An Introduction to the Bootstrap, 1993,
sections 13.3 and 16.4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES: Final = 10_000
LEVEL: Final = 0.95
Draw = NDArray[np.int64]
Statistic = Callable[[Draw], float]
"""The figure of a sample of videos, given by their numbers (V,), some more than once."""
Verdict = Literal["win", "tie", "loss"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and where it lies with the stated confidence."""

    value: float
    low: float
    high: float

    @property
    def verdict(self) -> Verdict:
        """Of a difference: a win when it lies above 0, a loss below, else a tie."""
        if self.low > 0:
            return "win"
        return "loss" if self.high < 0 else "tie"


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """What the first of two systems has over the second, on the same videos."""

    difference: Interval
    """First minus second."""
    wins: int
    """Videos on which the first is better."""
    ties: int
    losses: int

    @property
    def verdict(self) -> Verdict:
        """Win, tie or loss of the first at the stated confidence."""
        return self.difference.verdict


def bootstrap(
    statistic: Statistic,
    videos: int,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> Interval:
    """Return a figure of all videos with its percentile interval.

    A resample on which the figure is NaN (no video of it holds the class) is left out; with one
    video the interval is that one value.

    Args:
        statistic: The figure, such as a mean or a pooled mAP.
        videos: How many there are.
        resamples: How often videos are drawn, with replacement.
        level: Confidence, between 0 and 1.
        seed: The same seed draws the same videos.
    """
    draws = _draws(videos, resamples, level, seed)
    values = np.array([statistic(draw) for draw in draws])
    return _interval(statistic(np.arange(videos)), values, level)


def mean_interval(
    values: ArrayLike, *, resamples: int = RESAMPLES, level: float = LEVEL, seed: int = 0
) -> Interval:
    """Return the mean of one value per video with its interval; NaN values are left out.

    Args:
        values: (V,).
        resamples: How often videos are drawn.
        level: Confidence.
        seed: The same seed draws the same videos.
    """
    known = np.asarray(values, np.float64).reshape(-1)
    known = known[~np.isnan(known)]
    if not len(known):
        return Interval(float("nan"), float("nan"), float("nan"))
    means = known[_draws(len(known), resamples, level, seed)].mean(axis=1)
    return _interval(float(known.mean()), means, level)


def compare(
    first: ArrayLike,
    second: ArrayLike,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
    tolerance: float = 1e-9,
) -> PairedComparison:
    """Compare two systems by one value per video, higher is better.

    Videos on which either is NaN are left out of all.

    Args:
        first: (V,).
        second: (V,), of the same videos in the same order.
        resamples: How often videos are drawn.
        level: Confidence of the interval and the verdict.
        seed: The same seed draws the same videos.
        tolerance: Differences up to this are a tie of the video.
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if one.shape != other.shape or one.ndim != 1:
        raise ValueError(f"both must be (V,), got {one.shape} and {other.shape}")
    gaps = (one - other)[~np.isnan(one - other)]
    return PairedComparison(
        mean_interval(gaps, resamples=resamples, level=level, seed=seed),
        wins=int((gaps > tolerance).sum()),
        ties=int((np.abs(gaps) <= tolerance).sum()),
        losses=int((gaps < -tolerance).sum()),
    )


def _draws(videos: int, resamples: int, level: float, seed: int) -> Draw:
    """Return the numbers of the videos drawn, (resamples, V)."""
    if videos < 1 or resamples < 1 or not 0 < level < 1:
        raise ValueError(
            "videos and resamples must be at least 1 and level between 0 and 1, "
            f"got {videos}, {resamples} and {level}"
        )
    return np.random.default_rng(seed).integers(videos, size=(resamples, videos))


def _interval(value: float, values: NDArray[np.float64], level: float) -> Interval:
    known = values[~np.isnan(values)]
    if not len(known):
        return Interval(value, float("nan"), float("nan"))
    low, high = np.quantile(known, ((1 - level) / 2, (1 + level) / 2))
    return Interval(value, float(low), float(high))
