"""Counts of frames by class, and the four scores of a class that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from videoengine.models.metrics.frame_labels import Ids, LabelledVideo

Floats = NDArray[np.float64]
Metric = Literal["precision", "recall", "jaccard", "f1"]
METRICS: Final[tuple[Metric, ...]] = ("precision", "recall", "jaccard", "f1")
Over = Literal["truth", "union", "all"]
"""Classes an average runs over: in the truth; in the truth or predicted; all of the vocabulary."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassCounts:
    """Frames by class, int64 (C,) each."""

    hits: Ids
    """Predicted as the class and of it."""
    predicted: Ids
    truth: Ids

    @property
    def union(self) -> Ids:
        """Frames predicted as the class or of it."""
        return self.predicted + self.truth - self.hits

    def score(self, metric: Metric) -> Floats:
        """Return a score by class, float64 (C,) in 0 to 1; NaN where it is 0/0.

        Precision is undefined for a class that is never predicted, recall for one that is not in
        the truth, Jaccard and F1 for one that is neither.
        """
        below: Ids
        above = self.hits
        if metric == "precision":
            below = self.predicted
        elif metric == "recall":
            below = self.truth
        elif metric == "jaccard":
            below = self.union
        else:
            above, below = 2 * self.hits, self.predicted + self.truth
        return ratio(above, below)


def ratio(above: NDArray[Any], below: NDArray[Any]) -> Floats:
    """Return `above / below`, NaN where `below` is 0."""
    found = np.full(above.shape, np.nan)
    np.divide(above, below, out=found, where=below > 0)
    return found


def count_classes(truth: Ids, predicted: Ids, classes: int) -> ClassCounts:
    """Return the frames by class; predictions below 0 belong to none.

    Args:
        truth: int64 (T,), 0 to classes - 1.
        predicted: int64 (T,), below classes.
        classes: Size of the vocabulary.
    """
    return ClassCounts(
        hits=np.bincount(truth[truth == predicted], minlength=classes),
        predicted=np.bincount(predicted[predicted >= 0], minlength=classes),
        truth=np.bincount(truth, minlength=classes),
    )


def confusion_matrix(truth: Ids, predicted: Ids, classes: int) -> Ids:
    """Return int64 (C, C + 1): frames of class i predicted as j; the last column is "nothing"."""
    columns = np.where(predicted >= 0, predicted, classes)
    flat = np.bincount(truth * (classes + 1) + columns, minlength=classes * (classes + 1))
    return flat.reshape(classes, classes + 1)


def macro(counts: ClassCounts, metric: Metric, *, over: Over, undefined: float = 0.0) -> float:
    """Return the mean of a score over classes, 0 to 1; NaN when there is no class to average.

    scikit-learn's `average="macro"` is `over="union"`, with `zero_division` as `undefined`;
    PitVis sets that to 1. `over="truth"` leaves out classes that occur only in predictions;
    `over="all"` counts a class that is nowhere as `undefined`.

    Args:
        counts: Frames by class.
        metric: Which score.
        over: Which classes.
        undefined: What a class counts whose score is 0/0.
    """
    chosen = {
        "truth": counts.truth > 0,
        "union": counts.union > 0,
        "all": np.ones(len(counts.truth), bool),
    }[over]
    if not chosen.any():
        return float("nan")
    return float(np.nan_to_num(counts.score(metric)[chosen], nan=undefined).mean())


def macro_f1(video: LabelledVideo, classes: int, *, over: Over = "union") -> float:
    """Return the macro-F1 of the frames of one video, 0 to 1; `over` as in `macro`."""
    return macro(count_classes(video.truth, video.predicted, classes), "f1", over=over)
