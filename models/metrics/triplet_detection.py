"""Detection of triplets and of their instruments, compatible with `ivtmetrics`.

CAMMA-public/ivtmetrics 0.1.5, detection.py: a detection is right when its class and its box agree
with a true one that is free; AP is read at 11 recalls. Two things there differ from every other
detection AP:

* detections are ranked by score within a frame only; frames follow each other in time, so AP
  depends on their order. Kept here;
* a box is turned from x, y, w, h into corners in place each time it is compared, so the second
  comparison of a box sees another box. A defect: not kept. Figures agree where no box is compared
  twice, that is with at most one instance of a class in a frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from videoengine.models.metrics.boxes import BoxSet, box_iou
from videoengine.models.metrics.confusion import Floats
from videoengine.models.metrics.phases import mean_of_known


@dataclass(frozen=True, slots=True, eq=False)
class DetectionScores:
    """By class, 0 to 1; NaN for a class neither true nor detected, 0 for one only detected."""

    ap: Floats
    """(C,)."""
    recall: Floats
    """(C,), of all detections."""
    precision: Floats
    """(C,), the highest along the ranking, as ivtmetrics has it."""

    @property
    def mean_ap(self) -> float:
        """Mean of the classes that are not NaN."""
        return float(mean_of_known(self.ap))


def triplet_detection(
    truth: Sequence[BoxSet],
    predicted: Sequence[BoxSet],
    *,
    classes: int,
    threshold: float = 0.5,
) -> DetectionScores:
    """Return ivtmetrics' `Detection.compute_video_AP`: by video, mean over videos.

    Args:
        truth: Of each video, true boxes labelled by triplet (or by instrument, for `i`);
            `image` is the frame.
        predicted: Of each video, detected boxes with scores.
        classes: How many classes there are, 100 triplets or 6 instruments.
        threshold: Intersection over union that a match needs.
    """
    rows = [
        [_class_scores(true.of_class(label), said.of_class(label), threshold)
         for label in range(classes)]
        for true, said in zip(truth, predicted, strict=True)
    ]  # fmt: skip
    return DetectionScores(*mean_of_known(np.array(rows), axis=0).T)


def _class_scores(truth: BoxSet, predicted: BoxSet, threshold: float) -> tuple[float, ...]:
    """Return AP, recall and highest precision of one class in one video."""
    positives, count = len(truth.image), len(predicted.image)
    if not positives and not count:
        return (float("nan"),) * 3
    if not count:
        return (0.0,) * 3
    hits = np.concatenate(
        [_frame_hits(truth, predicted, frame, threshold) for frame in np.unique(predicted.image)]
    )
    right = np.cumsum(hits)
    precision = right / np.arange(1, count + 1)
    if not positives:
        return 0.0, 0.0, float(precision.max())
    recall = right / positives
    read = [precision[recall >= i / 10].max(initial=0.0) for i in range(11)]
    return float(np.mean(read)), float(recall.max()), float(precision.max())


def _frame_hits(
    truth: BoxSet, predicted: BoxSet, frame: int, threshold: float
) -> NDArray[np.bool_]:
    """Return whether each detection of a class in a frame is right, surest first."""
    said, true = predicted.image == frame, truth.image == frame
    # Of equal scores the later comes first: ivtmetrics sorts upwards and reverses.
    order = np.argsort(predicted.score[said], kind="stable")[::-1]
    among = np.argsort(truth.score[true], kind="stable")[::-1]
    enough = box_iou(predicted.box[said][order], truth.box[true][among]) >= threshold
    hits, free = np.zeros(len(enough), bool), np.ones(enough.shape[1], bool)
    for number, row in enumerate(enough):
        candidates = np.flatnonzero(row & free)
        if len(candidates):
            hits[number], free[candidates[0]] = True, False
    return hits
