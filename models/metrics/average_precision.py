"""Average precision of scored frames: the mean over recall of the precision.

The step-wise sum of scikit-learn's `average_precision_score`, not interpolated, equal scores taken
together. EndoNet's tool presence (Twinanda et al., TMI 2017) is its mean over the tools.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from videoengine.models.metrics.confusion import Floats
from videoengine.models.metrics.phases import mean_of_known


def average_precision(truth: ArrayLike, scores: ArrayLike) -> float:
    """Return the average precision of one class, 0 to 1; NaN without a positive.

    Args:
        truth: 0 or 1 (N,).
        scores: Any finite numbers (N,), higher is surer.
    """
    positive, score = np.asarray(truth).astype(bool), np.asarray(scores, np.float64)
    if positive.shape != score.shape or positive.ndim != 1:
        raise ValueError(f"truth and scores must be (N,), got {positive.shape} and {score.shape}")
    if not np.isfinite(score).all():
        raise ValueError("scores must be finite, got NaN or infinity")
    count = int(positive.sum())
    if not count:
        return float("nan")
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(positive[order])
    # Only the last of equal scores is a threshold.
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    precision, recall = hits[last] / (last + 1), hits[last] / count
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def class_average_precision(truth: ArrayLike, scores: ArrayLike) -> Floats:
    """Return the average precision of C classes, (C,); NaN for a class without a positive.

    Args:
        truth: 0 or 1 (N, C).
        scores: Finite (N, C).
    """
    positive, score = np.asarray(truth), np.asarray(scores)
    if positive.shape != score.shape or positive.ndim != 2:
        raise ValueError(f"both must be (N, C), got {positive.shape} and {score.shape}")
    return np.array([average_precision(*pair) for pair in zip(positive.T, score.T, strict=True)])


def tool_presence_ap(truth: Sequence[ArrayLike], scores: Sequence[ArrayLike]) -> Floats:
    """Return the average precision of C tools over the frames of all videos together, (C,).

    Tools that are in no frame are NaN: leave them out of the mean, as `mean_ap` does.

    Args:
        truth: Of each video, 0 or 1 (T, C), at 1 frame a second for comparable figures.
        scores: Of each video, finite (T, C).
    """
    return class_average_precision(
        np.concatenate([np.asarray(one) for one in truth]),
        np.concatenate([np.asarray(one) for one in scores]),
    )


def mean_ap(by_class: Floats) -> float:
    """Return the mean over classes, those without a positive (NaN) left out; NaN if all are."""
    return float(mean_of_known(by_class))
