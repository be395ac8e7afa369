"""Phase recognition: scores by video and phase, and the averagings in use, side by side.

Three averagings are published under the same names (Funke et al., Metrics Matter in Surgical Phase
Recognition, arXiv 2305.13961):

* `pooled`: frames of all videos together, then the mean over phases (DACAT's Python, scikit-learn);
* `per_video`: the mean over the phases of each video, then over videos;
* `per_phase`: the mean over videos of each phase, then over phases (the Cholec80 MATLAB script).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from videoengine.models.metrics.confusion import (
    METRICS,
    Floats,
    Metric,
    count_classes,
    macro,
    ratio,
)
from videoengine.models.metrics.frame_labels import LabelledVideo, check_classes
from videoengine.models.metrics.relaxed_boundary import (
    CHOLEC80,
    Boundary,
    Forgiveness,
    right_frames,
)


@dataclass(frozen=True, slots=True)
class Average:
    """A mean of scores in 0 to 1, with both spreads that publications print after ±.

    A spread is the standard deviation of a sample (n - 1, as MATLAB's `std`), NaN for one alone.
    """

    mean: float
    std_videos: float
    """Over videos, of each one's mean over its phases."""
    std_phases: float
    """Over phases, of each one's mean over videos."""


@dataclass(frozen=True, slots=True, eq=False)
class PhaseTable:
    """Scores of V videos and C phases, 0 to 1.

    A phase that a video's truth does not hold is NaN there and left out of every mean, whatever
    was predicted. Precision is NaN too where the phase was never predicted and nothing forgiven:
    the script leaves that out, which flatters who never predicts a phase.
    """

    boundary: Boundary
    accuracy: Floats
    """(V,)."""
    precision: Floats
    """(V, C)."""
    recall: Floats
    """(V, C)."""
    jaccard: Floats
    """(V, C)."""
    f1: Floats
    """(V, C)."""

    def score(self, metric: Metric) -> Floats:
        """Return the (V, C) scores of a metric."""
        found: Floats = getattr(self, metric)
        return found

    def of_phases(self, metric: Metric) -> Floats:
        """Return the mean over videos of each phase, (C,); NaN for a phase that is nowhere."""
        return mean_of_known(self.score(metric), axis=0)

    def of_videos(self, metric: Metric) -> Floats:
        """Return the mean over phases of each video, (V,); NaN where none is defined."""
        return mean_of_known(self.score(metric), axis=1)

    def per_phase(self, metric: Metric) -> Average:
        """Return the mean over videos, then phases: the MATLAB script's figure."""
        return self._average(metric, self.of_phases(metric))

    def per_video(self, metric: Metric) -> Average:
        """Return the mean over the phases of each video, then over videos."""
        return self._average(metric, self.of_videos(metric))

    def _average(self, metric: Metric, means: Floats) -> Average:
        return Average(
            float(mean_of_known(means)),
            spread(self.of_videos(metric)),
            spread(self.of_phases(metric)),
        )

    @property
    def mean_accuracy(self) -> Average:
        """Mean over videos of the share of right frames."""
        return Average(float(self.accuracy.mean()), spread(self.accuracy), float("nan"))


@dataclass(frozen=True, slots=True)
class PooledScores:
    """Scores of the frames of all videos together, 0 to 1.

    Means run over the phases that are in the truth or predicted; 0/0 counts 0, as in
    scikit-learn's macro average.
    """

    accuracy: float
    """Share of right frames."""
    macro: Mapping[Metric, float] = field(default_factory=dict[Metric, float])


def phase_table(
    videos: Sequence[LabelledVideo],
    classes: int,
    *,
    boundary: Boundary = "unrelaxed",
    fps: float = 1.0,
    rules: Mapping[int, Forgiveness] = CHOLEC80,
) -> PhaseTable:
    """Score V videos by phase (`Evaluate.m`; Twinanda et al., EndoNet, TMI 2017, section VI).

    With p the frames predicted as a phase, g those of it and r the right ones in p or g: Jaccard
    is |r|/|p or g|, precision |r|/|p|, recall |r|/|g|; the relaxed ones may exceed 1 and are
    clipped. F1 is 2|r|/(|p| + |g|); under `relaxed-script` it is NaN without a right frame or a
    prediction, as there.

    Args:
        videos: Frames in order.
        classes: Size of the phase vocabulary, 7 for Cholec80.
        boundary: Whether and how the ends of segments are forgiven.
        fps: Frames a second of the labels.
        rules: What each phase forgives.
    """
    check_classes(videos, classes)
    rights = [right_frames(video, boundary, fps=fps, rules=rules) for video in videos]
    rows = [
        _video_scores(video, right, classes, boundary)
        for video, right in zip(videos, rights, strict=True)
    ]
    accuracy = np.array([right.mean() for right in rights])
    return PhaseTable(boundary, accuracy, *np.stack(rows, axis=1))


def _video_scores(
    video: LabelledVideo, right: NDArray[np.bool_], classes: int, boundary: Boundary
) -> Floats:
    """Return (4, C): the scores of one video in the order of `METRICS`."""
    counts = count_classes(video.truth, video.predicted, classes)
    hits = np.array(
        [
            np.count_nonzero(right & ((video.truth == phase) | (video.predicted == phase)))
            for phase in range(classes)
        ]
    )
    precision = ratio(hits, counts.predicted)
    precision[(counts.predicted == 0) & (hits > 0)] = 1.0  # infinite in the script, then clipped
    f1 = ratio(2 * hits, counts.predicted + counts.truth)
    if boundary == "relaxed-script":
        f1[(hits == 0) | (counts.predicted == 0)] = np.nan
    jaccard = ratio(hits, counts.union)
    scores = np.minimum([precision, ratio(hits, counts.truth), jaccard, f1], 1.0)
    scores[:, counts.truth == 0] = np.nan
    return scores


def pooled_scores(videos: Sequence[LabelledVideo], classes: int) -> PooledScores:
    """Score the frames of all videos together (DACAT, `evaluation_total.py`); not relaxed."""
    check_classes(videos, classes)
    truth = np.concatenate([video.truth for video in videos])
    predicted = np.concatenate([video.predicted for video in videos])
    counts = count_classes(truth, predicted, classes)
    return PooledScores(
        accuracy=float((truth == predicted).mean()),
        macro={metric: macro(counts, metric, over="union") for metric in METRICS},
    )


def mean_of_known(values: Floats, axis: int | None = None) -> Floats:
    """Return the mean of what is not NaN, NaN where nothing is."""
    known = ~np.isnan(values)
    total = np.where(known, values, 0.0).sum(axis=axis)
    return ratio(np.asarray(total), np.asarray(known.sum(axis=axis)))


def spread(values: Floats) -> float:
    """Return the standard deviation of the sample of values that are not NaN, NaN below two."""
    known = values[~np.isnan(values)]
    return float(known.std(ddof=1)) if len(known) > 1 else float("nan")
