"""Detected stretches of time: mAP at temporal overlaps, and the grounding of sentences.

mAP@tIoU as ActivityNet's `eval_detection.py` computes it, which OphNet uses (Hu et al., OphNet,
ECCV 2024): stretches ranked by score over all videos, each takes the free true one of its class
and video that it overlaps most, precision made monotonous and integrated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from videoengine.models.metrics.confusion import Floats

OPHNET_OVERLAPS: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
GROUNDING_OVERLAPS: Final = (0.3, 0.5)


@dataclass(frozen=True, slots=True, eq=False)
class Stretches:
    """N stretches of time over many videos, each of a class."""

    video: NDArray[np.int64]
    """(N,), number of the video."""
    label: NDArray[np.int64]
    """(N,), class from 0."""
    span: NDArray[np.float64]
    """(N, 2), start and end in any one unit."""
    score: NDArray[np.float64]
    """(N,), higher is surer; of true ones it says nothing."""

    @classmethod
    def of(
        cls, video: ArrayLike, label: ArrayLike, span: ArrayLike, score: ArrayLike | None = None
    ) -> Stretches:
        """Return stretches from anything array-like; without scores they are 1."""
        videos = np.asarray(video, np.int64).reshape(-1)
        scores = np.ones(len(videos)) if score is None else np.asarray(score, np.float64)
        spans = np.asarray(span, np.float64).reshape(-1, 2)
        labels = np.asarray(label, np.int64).reshape(-1)
        if not len(videos) == len(labels) == len(spans) == len(scores):
            lengths = f"{len(videos)}, {len(labels)}, {len(spans)}, {len(scores)}"
            raise ValueError(f"videos, labels, spans and scores must match, got {lengths}")
        return cls(videos, labels, spans, scores)


def span_iou(first: ArrayLike, second: ArrayLike) -> Floats:
    """Return intersection over union in time, float64 (M, N) in 0 to 1; 0 where both are empty.

    Args:
        first: (M, 2), start and end.
        second: (N, 2), start and end.
    """
    left = np.asarray(first, np.float64).reshape(-1, 1, 2)
    right = np.asarray(second, np.float64).reshape(1, -1, 2)
    shared = np.minimum(left[..., 1], right[..., 1]) - np.maximum(left[..., 0], right[..., 0])
    shared = np.clip(shared, 0, None)
    union = (left[..., 1] - left[..., 0]) + (right[..., 1] - right[..., 0]) - shared
    found: Floats = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return found


def temporal_ap(
    truth: Stretches,
    predicted: Stretches,
    *,
    classes: int,
    overlaps: Sequence[float] = OPHNET_OVERLAPS,
) -> Floats:
    """Return AP by overlap and class, float64 (overlaps, C) in 0 to 1; NaN without a true one."""
    found = np.full((len(overlaps), classes), np.nan)
    for label in range(classes):
        positives = int((truth.label == label).sum())
        for row, overlap in enumerate(overlaps):
            if positives:
                hits = _hits(truth, predicted, label, overlap)
                right = np.cumsum(hits)
                precision = right / np.arange(1, len(hits) + 1)
                highest = np.maximum.accumulate(precision[::-1])[::-1]
                steps = np.diff(right / positives, prepend=0.0)
                found[row, label] = float((steps * highest).sum())
    return found


def _hits(truth: Stretches, predicted: Stretches, label: int, overlap: float) -> NDArray[np.bool_]:
    """Return whether each predicted stretch of a class is right, surest first."""
    true = np.flatnonzero(truth.label == label)
    said = np.flatnonzero(predicted.label == label)
    said = said[np.argsort(-predicted.score[said], kind="stable")]
    overlaps = span_iou(predicted.span[said], truth.span[true])
    overlaps[predicted.video[said][:, None] != truth.video[true][None]] = -1.0
    hits, free = np.zeros(len(said), bool), np.ones(len(true), bool)
    for number, row in enumerate(overlaps):
        best = int(np.where(free, row, -1.0).argmax())
        if free[best] and row[best] >= overlap:
            hits[number], free[best] = True, False
    return hits


@dataclass(frozen=True, slots=True)
class Grounding:
    """Of the sentences: the mean overlap, and the share that reaches each overlap."""

    mean_iou: float
    """0 to 1."""
    reached: dict[float, float]
    """Share of sentences by overlap, 0 to 1: "R@1, IoU = m"."""


def temporal_grounding(
    truth: ArrayLike, predicted: ArrayLike, *, overlaps: Sequence[float] = GROUNDING_OVERLAPS
) -> Grounding:
    """Score one predicted stretch for each of N sentences; no answer is an empty stretch.

    MedVidBench prints such figures as TAG@0.3 and TAG@0.5. The code that computes them is not
    published (its `eval_tal.py` imports it), so parity is not claimed.

    Args:
        truth: (N, 2), start and end.
        predicted: (N, 2); NaN where there is no answer, which counts 0.
        overlaps: Overlaps to reach.
    """
    true = np.asarray(truth, np.float64).reshape(-1, 2)
    said = np.nan_to_num(np.asarray(predicted, np.float64).reshape(-1, 2))
    if true.shape != said.shape or not len(true):
        raise ValueError(f"both must be (N, 2) with N > 0, got {true.shape} and {said.shape}")
    each = np.array([span_iou(a, b)[0, 0] for a, b in zip(true, said, strict=True)])
    return Grounding(float(each.mean()), {m: float((each >= m).mean()) for m in overlaps})
