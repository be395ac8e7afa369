"""Whether a model looks ahead, and how long a frame takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


def look_ahead(
    predict: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    inputs: NDArray[np.float64],
    moment: int,
    *,
    seed: int = 0,
) -> float:
    """Return how much outputs up to a moment change when what comes later is replaced.

    0 for a causal model, up to rounding; a bar such as 1e-4 is the caller's.

    Args:
        predict: Maps (T, …) inputs to (T, …) outputs, one per frame.
        inputs: Float (T, …).
        moment: Last frame that stays, below T - 1.
        seed: Chooses what the later frames are replaced by: their own values, reordered.
    """
    if not 0 <= moment < len(inputs) - 1:
        raise ValueError(f"moment must lie in 0 to {len(inputs) - 2}, got {moment}")
    later = inputs[moment + 1 :]
    changed = inputs.copy()
    shuffled = np.random.default_rng(seed).permutation(later.reshape(-1)).reshape(later.shape)
    changed[moment + 1 :] = shuffled + (later.std() or 1.0)
    before, after = predict(inputs)[: moment + 1], predict(changed)[: moment + 1]
    return float(np.abs(np.asarray(before) - np.asarray(after)).max())


@dataclass(frozen=True, slots=True)
class Pace:
    """How long frames took."""

    frames_per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float


def pace_of(seconds: ArrayLike) -> Pace:
    """Return the pace of frames that took so many seconds each, (N,) with N > 0."""
    each = np.asarray(seconds, np.float64).reshape(-1)
    if not len(each) or not (each > 0).all():
        raise ValueError(f"times must be above 0 and at least one, got {len(each)} of them")
    low, high, highest = np.percentile(each, (50, 95, 99)) * 1000
    return Pace(len(each) / float(each.sum()), float(low), float(high), float(highest))
