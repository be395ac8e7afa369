"""Average precision of detected boxes under the protocols of COCO and PASCAL VOC.

* `coco`: pycocotools' COCOeval, area "all", no crowds: a detection takes the free true box that it
  overlaps most; precision is made monotonous and read at 101 recalls;
* `voc07`, `voc12`: the VOC development kit: a detection looks only at the true box that it
  overlaps most and is wrong when that one is taken; precision is read at 11 recalls (2007) or
  integrated over all of them (2010 to 2012). No box is "difficult".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from videoengine.models.metrics.boxes import BoxSet, box_iou
from videoengine.models.metrics.confusion import Floats

Protocol = Literal["coco", "voc07", "voc12"]
COCO_THRESHOLDS: Final = tuple(np.linspace(0.5, 0.95, 10).tolist())
"""Overlaps that COCO's AP is the mean of."""
COCO_RECALLS: Final = np.linspace(0.0, 1.0, 101)
MOST_DETECTIONS: Final = 100
"""COCO counts so many detections of an image and class, those of the highest scores."""


def detection_ap(
    truth: BoxSet,
    predicted: BoxSet,
    *,
    classes: int,
    thresholds: Sequence[float] = COCO_THRESHOLDS,
    protocol: Protocol = "coco",
) -> Floats:
    """Return AP by threshold and class, float64 (thresholds, C) in 0 to 1.

    A class without a true box is NaN, whatever was predicted of it: leave it out of the mean.

    Args:
        truth: True boxes.
        predicted: Detected boxes with scores; of equal scores the earlier image comes first.
        classes: How many classes there are.
        thresholds: Intersection over union that a match needs.
        protocol: Whose rules.
    """
    found = np.full((len(thresholds), classes), np.nan)
    for label in range(classes):
        true, said = truth.of_class(label), predicted.of_class(label)
        if not len(true.image):
            continue
        for row, threshold in enumerate(thresholds):
            hits = ranked_hits(true, said, threshold, protocol)
            found[row, label] = _area(hits, len(true.image), protocol)
    return found


def ranked_hits(
    truth: BoxSet, predicted: BoxSet, threshold: float, protocol: Protocol
) -> NDArray[np.bool_]:
    """Return whether each detection of one class is right, surest first, bool (N,)."""
    scores: list[NDArray[np.float64]] = []
    hits: list[NDArray[np.bool_]] = []
    for image in np.unique(predicted.image):
        said, true = predicted.image == image, truth.image == image
        order = np.argsort(-predicted.score[said], kind="stable")
        if protocol == "coco":
            order = order[:MOST_DETECTIONS]
        overlaps = box_iou(predicted.box[said][order], truth.box[true])
        scores.append(predicted.score[said][order])
        match = _match_free if protocol == "coco" else _match_best
        hits.append(match(overlaps, threshold))
    if not hits:
        return np.zeros(0, bool)
    ranking = np.argsort(-np.concatenate(scores), kind="stable")
    found: NDArray[np.bool_] = np.concatenate(hits)[ranking]
    return found


def _match_free(overlaps: Floats, threshold: float) -> NDArray[np.bool_]:
    """Return hits of (detections, true boxes): each takes the free box that it overlaps most."""
    hits = np.zeros(len(overlaps), bool)
    free = np.ones(overlaps.shape[1], bool)
    least = min(threshold, 1 - 1e-10)  # COCOeval's guard against rounding
    for number, row in enumerate(overlaps):
        candidates = np.where(free, row, -1.0)
        if not len(candidates) or candidates.max() < least:
            continue
        best = len(candidates) - 1 - int(candidates[::-1].argmax())  # the last of equals
        hits[number], free[best] = True, False
    return hits


def _match_best(overlaps: Floats, threshold: float) -> NDArray[np.bool_]:
    """Return hits of (detections, true boxes): each looks at the box it overlaps most only."""
    hits = np.zeros(len(overlaps), bool)
    taken: set[int] = set()
    for number, row in enumerate(overlaps):
        best = int(row.argmax()) if len(row) else -1
        if best >= 0 and row[best] >= threshold and best not in taken:
            taken.add(best)
            hits[number] = True
    return hits


def _area(hits: NDArray[np.bool_], positives: int, protocol: Protocol) -> float:
    """Return the area under precision over recall, as the protocol reads it."""
    right = np.cumsum(hits)
    recall, precision = right / positives, right / np.arange(1, len(hits) + 1)
    highest = np.maximum.accumulate(precision[::-1])[::-1]  # at this recall or a higher one
    if protocol == "voc12":
        return float((np.diff(recall, prepend=0.0) * highest).sum())
    points = COCO_RECALLS if protocol == "coco" else np.linspace(0.0, 1.0, 11)
    places = np.searchsorted(recall, points, side="left")
    reached = places < len(recall)
    return float(highest[places[reached]].sum() / len(points))
