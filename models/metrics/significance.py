"""Tests of a difference: McNemar's for paired answers, Holm's correction for many."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import numpy as np
from numpy.typing import ArrayLike


def mcnemar(first: ArrayLike, second: ArrayLike) -> float:
    """Return the exact two-sided p value of McNemar's test, 0 to 1; 1 when they never differ.

    McNemar, Psychometrika 12, 1947, in its binomial form: of the answers on which the two differ,
    either is as often right.

    Args:
        first: Whether each of N answers of the first is right, 0 or 1 (N,).
        second: Of the second, to the same questions.
    """
    one, other = np.asarray(first).astype(bool), np.asarray(second).astype(bool)
    if one.shape != other.shape:
        raise ValueError(f"both must be of one length, got {one.shape} and {other.shape}")
    only_first, only_second = int((one & ~other).sum()), int((other & ~one).sum())
    total = only_first + only_second
    tail = sum(comb(total, k) for k in range(min(only_first, only_second) + 1))
    p: float = 2 * tail / 2**total
    return min(1.0, p)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected for their number, in the same order, 0 to 1.

    Holm, Scandinavian Journal of Statistics 6, 1979: the smallest times n, the next times n - 1,
    and none below one that was smaller.
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = highest
    return corrected
