"""Scores of workflow recognition over videos, each with its bootstrap interval over the videos."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from videoengine.models.metrics import (
    COMPONENTS,
    BoxSet,
    Interval,
    LabelledVideo,
    TripletClasses,
    TripletVideo,
    average_precision,
    bootstrap,
    phase_table,
    video_ap,
)
from videoengine.models.metrics.detection import COCO_RECALLS, COCO_THRESHOLDS, ranked_hits
from videoengine.models.metrics.phases import mean_of_known

RESAMPLES: Final = 1000
SLOW_RESAMPLES: Final = 200
"""Of COCO's AP, which is ten APs."""
Draw = NDArray[np.int64]


def row_of(interval: Interval) -> dict[str, float | None]:
    """Return an interval as JSON; NaN, which JSON lacks, as null."""
    return {name: rounded(getattr(interval, name)) for name in ("value", "low", "high")}


def rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 4)


def named(names: Sequence[str], values: NDArray[np.floating[Any]]) -> dict[str, float | None]:
    return {name: rounded(float(value)) for name, value in zip(names, values, strict=True)}


def interval(
    statistic: Callable[[Draw], float], videos: int, resamples: int = RESAMPLES
) -> dict[str, float | None]:
    return row_of(bootstrap(statistic, videos, resamples=resamples))


def mean_of(values: NDArray[np.floating[Any]]) -> float:
    return float(mean_of_known(np.asarray(values, np.float64)))


def phases(videos: Sequence[LabelledVideo], names: Sequence[str]) -> dict[str, Any]:
    """Return accuracy and Jaccard of phases, unrelaxed; Jaccard over videos, then phases."""
    table = phase_table(videos, len(names))
    jaccard = table.jaccard
    return {
        "accuracy": interval(lambda draw: float(table.accuracy[draw].mean()), len(videos)),
        "jaccard": interval(
            lambda draw: mean_of(mean_of_known(jaccard[draw], axis=0)), len(videos)
        ),
        "jaccard_by_phase": named(names, table.of_phases("jaccard")),
        "f1": rounded(table.per_phase("f1").mean),
    }


def ratio(ours: Sequence[LabelledVideo], oracle: Sequence[LabelledVideo], classes: int) -> Any:
    """Return mean accuracy of ours over the oracle's, videos drawn together."""
    a, b = (phase_table(side, classes).accuracy for side in (ours, oracle))
    return interval(lambda draw: float(a[draw].mean() / max(b[draw].mean(), 1e-9)), len(ours))


def presence(
    truth: Sequence[NDArray[Any]], scores: Sequence[NDArray[Any]], names: Sequence[str]
) -> dict[str, Any]:
    """Return AP of presence over the frames of all videos together, beside chance."""

    def by_class(draw: Draw) -> NDArray[np.float64]:
        true = np.concatenate([truth[k] for k in draw])
        said = np.concatenate([scores[k] for k in draw])
        pairs = zip(true.T, said.T, strict=True)
        return np.array([average_precision(*pair) for pair in pairs])

    whole = np.concatenate(list(truth))
    share = whole.mean(axis=0)
    share[share == 0] = np.nan
    return {
        "map": interval(lambda draw: mean_of(by_class(draw)), len(truth)),
        "ap": named(names, by_class(np.arange(len(truth)))),
        "frames_with": named(names, whole.sum(axis=0)),
        "chance_map": rounded(mean_of(share)),
    }


@dataclass(frozen=True)
class Ranked:
    """Detections of one class in one video at one overlap, surest first."""

    scores: NDArray[np.float64]
    hits: NDArray[np.bool_]
    positives: int


def _ranked(truth: BoxSet, said: BoxSet, label: int, threshold: float) -> Ranked:
    true, found = truth.of_class(label), said.of_class(label)
    hits = ranked_hits(true, found, threshold, "coco")
    return Ranked(np.sort(found.score)[::-1], hits, len(true.image))


def _pooled_ap(parts: Sequence[Ranked]) -> float:
    """Return COCO's AP of the detections of several videos together; NaN without a true box."""
    positives = sum(part.positives for part in parts)
    if not positives:
        return float("nan")
    order = np.argsort(-np.concatenate([part.scores for part in parts]), kind="stable")
    right = np.cumsum(np.concatenate([part.hits for part in parts])[order])
    precision = right / np.arange(1, len(right) + 1)
    highest = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(right / positives, COCO_RECALLS, side="left")
    return float(highest[places[places < len(right)]].sum() / len(COCO_RECALLS))


def detection(
    truth: Sequence[BoxSet],
    said: Sequence[BoxSet],
    names: Sequence[str],
    thresholds: Sequence[float] = (0.5,),
    *,
    coco: bool = True,
) -> dict[str, Any]:
    """Return AP of boxes at some overlaps, and COCO's mean of ten, over all videos together."""
    wanted = sorted({*thresholds, *(COCO_THRESHOLDS if coco else ())})
    parts = {
        threshold: [
            [_ranked(t, s, label, threshold) for label in range(len(names))]
            for t, s in zip(truth, said, strict=True)
        ]
        for threshold in wanted
    }

    def by_class(threshold: float, draw: Draw) -> NDArray[np.float64]:
        rows = parts[threshold]
        return np.array([_pooled_ap([rows[k][c] for k in draw]) for c in range(len(names))])

    every = np.arange(len(truth))
    found: dict[str, Any] = {"boxes": named(names, _counts(truth, len(names)))}
    for threshold in thresholds:
        key = f"at_{threshold:g}"
        found[f"map_{key}"] = interval(
            lambda draw, at=threshold: mean_of(by_class(at, draw)), len(truth)
        )
        found[f"ap_{key}"] = named(names, by_class(threshold, every))
    if coco:
        found["map_coco"] = interval(
            lambda draw: mean_of(np.array([by_class(t, draw) for t in COCO_THRESHOLDS])),
            len(truth),
            SLOW_RESAMPLES,
        )
    return found


def _counts(truth: Sequence[BoxSet], classes: int) -> NDArray[np.float64]:
    labels = np.concatenate([one.label for one in truth])
    return np.bincount(labels, minlength=classes).astype(np.float64)


def triplets(videos: Sequence[TripletVideo], classes: TripletClasses) -> dict[str, Any]:
    """Return AP of triplets and of their components: by video, over videos, then classes."""
    found: dict[str, Any] = {}
    for component in COMPONENTS:
        rows = np.array([video_ap([video], classes, component).by_class for video in videos])
        found[component] = interval(
            lambda draw, rows=rows: mean_of(mean_of_known(rows[draw], axis=0)), len(videos)
        )
    truth = np.array([video.truth.mean(axis=0) for video in videos])
    truth[truth == 0] = np.nan
    found["chance_ivt"] = rounded(mean_of(mean_of_known(truth, axis=0)))
    return found


def masks(
    hits: NDArray[np.float64], union: NDArray[np.float64], images: Sequence[NDArray[np.float64]]
) -> dict[str, Any]:
    """Return IoU of one kind of pixel: over all pixels of all videos, and the mean over images.

    Args:
        hits: (V,) pixels that are right.
        union: (V,) pixels that are true or said.
        images: Of each video, IoU by picture (T,), NaN where there is none on either side.
    """

    def pooled(draw: Draw) -> float:
        return float(hits[draw].sum() / union[draw].sum()) if union[draw].sum() else float("nan")

    return {
        "pixels": interval(pooled, len(hits)),
        "images": interval(lambda draw: mean_of(np.concatenate([images[k] for k in draw])),
                           len(hits)),
    }  # fmt: skip


def recall_and_precision(
    truth: Sequence[NDArray[np.bool_]], said: Sequence[NDArray[np.bool_]]
) -> dict[str, Any]:
    """Return precision and recall of a yes over the frames of all videos together."""
    right = np.array([(t & s).sum() for t, s in zip(truth, said, strict=True)], np.float64)
    true = np.array([t.sum() for t in truth], np.float64)
    stated = np.array([s.sum() for s in said], np.float64)

    def share(of: NDArray[np.float64]) -> Callable[[Draw], float]:
        return lambda draw: right[draw].sum() / of[draw].sum() if of[draw].sum() else float("nan")

    return {
        "recall": interval(share(true), len(truth)),
        "precision": interval(share(stated), len(truth)),
        "frames": int(true.sum()),
        "stated": int(stated.sum()),
    }


def mean_by_video(values: Sequence[NDArray[np.floating[Any]]]) -> dict[str, float | None]:
    """Return the mean of what is known in all videos together."""
    sums = np.array([np.nansum(one) for one in values])
    counts = np.array([np.count_nonzero(~np.isnan(one)) for one in values], np.float64)

    def pooled(draw: Draw) -> float:
        return float(sums[draw].sum() / counts[draw].sum()) if counts[draw].sum() else math.nan

    return interval(pooled, len(values))


def cell(row: dict[str, Any] | None, digits: int = 3) -> str:
    """Return an interval as a cell of a table."""
    if row is None or row["value"] is None:
        return "-"
    low, high = row["low"], row["high"]
    if low is None or high is None:
        return f"{row['value']:.{digits}f}"
    return f"{row['value']:.{digits}f} [{low:.{digits}f}..{high:.{digits}f}]"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in markdown."""
    lines = ["| " + " | ".join(row) + " |" for row in (head, *rows)]
    lines.insert(1, "|" + "---|" * len(head))
    return "\n".join(lines)
