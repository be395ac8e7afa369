"""Phases with hindsight: the likeliest path through all that was said (Viterbi 1967)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def smoothed_path(
    log_probabilities: NDArray[np.floating], stay: NDArray[np.floating]
) -> NDArray[np.int64]:
    """Return the likeliest sequence of K phases over T steps.

    Args:
        log_probabilities: (T, K), of each phase at each step.
        stay: (K, K), log probability of going from row to column in one step.

    Returns:
        (T,) phases.
    """
    steps, phases = log_probabilities.shape
    before = np.zeros((steps, phases), np.uint8)
    best = log_probabilities[0].astype(np.float64)
    for step in range(1, steps):
        ways = best[:, None] + stay
        before[step] = ways.argmax(axis=0)
        best = ways.max(axis=0) + log_probabilities[step]
    path = np.empty(steps, np.int64)
    path[-1] = best.argmax()
    for step in range(steps - 1, 0, -1):
        path[step - 1] = before[step, path[step]]
    return path
