"""Recognition of action triplets, compatible with `ivtmetrics`.

Nwoye and Padoy, Data Splits and Metrics for Surgical Action Triplet Datasets, arXiv 2204.05235;
CAMMA-public/ivtmetrics 0.1.5, recognition.py and disentangle.py. One trap: ivtmetrics recognises a
class without a positive by the "-0.0" that scikit-learn up to 1.2 returns for it. With a newer one
such classes enter its means as 0; here they are NaN, as published figures have them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from videoengine.models.metrics.average_precision import class_average_precision
from videoengine.models.metrics.confusion import Floats
from videoengine.models.metrics.phases import mean_of_known
from videoengine.vocabularies import vocabulary

Component = Literal["i", "v", "t", "iv", "it", "ivt"]
COMPONENTS: Final[tuple[Component, ...]] = ("i", "v", "t", "iv", "it", "ivt")
"""Instrument, verb, target, their pairs, and the whole triplet."""
NULL_VERB: Final = "null_verb"


@dataclass(frozen=True, slots=True, eq=False)
class TripletClasses:
    """The triplets of a vocabulary and what each consists of."""

    names: tuple[str, ...]
    """`instrument,verb,target` each, K of them."""
    parts: NDArray[np.int64]
    """(K, 3): ids of instrument, verb and target."""
    null: NDArray[np.bool_] = field(repr=False)
    """(K,): whether the verb is "none"; CholecT50's last six."""

    @classmethod
    def of(cls, name: str = "cholect50/triplet@1") -> TripletClasses:
        """Return those of a vocabulary, whose components are named as it is."""
        parts = [vocabulary(name.replace("triplet", kind)) for kind in
                 ("instrument", "verb", "target")]  # fmt: skip
        names = tuple(label.name for label in vocabulary(name).labels)
        ids = [
            [terms.label(word).id for terms, word in zip(parts, triplet.split(","), strict=True)]
            for triplet in names
        ]
        null = np.array([triplet.split(",")[1] == NULL_VERB for triplet in names])
        return cls(names, np.array(ids, np.int64), null)

    def groups(self, component: Component) -> NDArray[np.int64]:
        """Return, of each triplet, the place of its component among those that occur, (K,).

        Components are ordered by their ids, pairs by the first and then the second.
        """
        if component == "ivt":
            return np.arange(len(self.names))
        columns = ["ivt".index(letter) for letter in component]
        _, places = np.unique(self.parts[:, columns], axis=0, return_inverse=True)
        found: NDArray[np.int64] = places.reshape(-1)
        return found

    def extract(self, values: NDArray[np.float64], component: Component) -> Floats:
        """Return the values of a component: the highest of the triplets that share it.

        Args:
            values: (T, K) scores or 0 and 1 by triplet.
            component: What to extract.

        Returns:
            (T, number of components).
        """
        groups = self.groups(component)
        order = np.argsort(groups, kind="stable")
        starts = np.searchsorted(groups[order], np.arange(int(groups.max()) + 1))
        found: Floats = np.maximum.reduceat(values[:, order], starts, axis=1)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class TripletVideo:
    """One video: triplets by frame, true and scored."""

    truth: NDArray[np.float64]
    """0 or 1 (T, K)."""
    scores: NDArray[np.float64]
    """Finite (T, K)."""

    def __post_init__(self) -> None:
        """Check the shapes."""
        if self.truth.shape != self.scores.shape or self.truth.ndim != 2:
            raise ValueError(
                f"both must be (T, triplets), got {self.truth.shape} and {self.scores.shape}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class TripletAP:
    """Average precision by class of a component, NaN without a positive, and its mean."""

    by_class: Floats
    """(classes,), 0 to 1."""
    mean: float


def video_ap(
    videos: Sequence[TripletVideo],
    classes: TripletClasses,
    component: Component = "ivt",
    *,
    ignore_null: bool = False,
) -> TripletAP:
    """Return ivtmetrics' `compute_video_AP`: AP of each video, mean over videos, then classes.

    A class without a positive in a video is left out there; in no video, it is left out of all.

    Args:
        videos: Frames of each video, usually at 1 a second.
        classes: The triplets.
        component: What is scored.
        ignore_null: Leave out the triplets without a verb; acts on `ivt` only, as there.
    """
    rows = [_classes_of(video, classes, component) for video in videos]
    return _result(mean_of_known(np.array(rows), axis=0), classes, component, ignore_null)


def global_ap(
    videos: Sequence[TripletVideo],
    classes: TripletClasses,
    component: Component = "ivt",
    *,
    ignore_null: bool = False,
) -> TripletAP:
    """Return ivtmetrics' `compute_global_AP`: AP over the frames of all videos together."""
    pooled = TripletVideo(
        np.concatenate([video.truth for video in videos]),
        np.concatenate([video.scores for video in videos]),
    )
    return _result(_classes_of(pooled, classes, component), classes, component, ignore_null)


def top_k(
    videos: Sequence[TripletVideo],
    classes: TripletClasses,
    k: int = 5,
    component: Component = "ivt",
) -> float:
    """Return the share of true labels among the k highest scores of their frame, 0 to 1.

    ivtmetrics' `topK` over all frames; of equal scores the lower id comes first. 0 without a true
    label.
    """
    found = total = 0
    for video in videos:
        truth = classes.extract(video.truth, component) > 0
        scores = classes.extract(video.scores, component)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        found += int(np.take_along_axis(truth, best, axis=1).sum())
        total += int(truth.sum())
    return found / max(1, total)


def _classes_of(video: TripletVideo, classes: TripletClasses, component: Component) -> Floats:
    truth = classes.extract(video.truth, component)
    return class_average_precision(truth, classes.extract(video.scores, component))


def _result(
    by_class: Floats, classes: TripletClasses, component: Component, ignore_null: bool
) -> TripletAP:
    kept = by_class[~classes.null] if ignore_null and component == "ivt" else by_class
    return TripletAP(kept, float(mean_of_known(kept)))
