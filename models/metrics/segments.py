"""Segments of a label sequence, the edit score and the segmental F1.

Lea et al., Temporal Convolutional Networks, CVPR 2017, section 4, and their `metrics.py`; Abu Farha
and Gall, MS-TCN, CVPR 2019, section 4.1, and their `eval.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine.models.metrics.frame_labels import Ids, LabelledVideo

OVERLAPS: Final = (0.10, 0.25, 0.50)
"""Overlaps of F1@{10, 25, 50}."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A longest run of one label: frames start to stop - 1."""

    label: int
    start: int
    stop: int


def segments_of(labels: Ids, *, background: Collection[int] = ()) -> list[Segment]:
    """Return the runs of equal labels of int64 (T,) in order, those of `background` left out.

    What background separates stays two segments.
    """
    if not len(labels):
        return []
    starts = np.concatenate(([0], np.flatnonzero(np.diff(labels)) + 1))
    stops = np.concatenate((starts[1:], [len(labels)]))
    rows = zip(labels[starts].tolist(), starts.tolist(), stops.tolist(), strict=True)
    return [Segment(*row) for row in rows if row[0] not in background]


def edit_distance(first: Sequence[int], second: Sequence[int]) -> int:
    """Return the Levenshtein distance: insertions, deletions and substitutions cost 1 each."""
    other = np.asarray(second, np.int64)
    places = np.arange(len(other) + 1)
    row = places.copy()
    for count, label in enumerate(first, 1):
        reached = np.empty_like(row)
        reached[0] = count
        reached[1:] = np.minimum(row[1:] + 1, row[:-1] + (other != label))
        # An insertion costs 1 a step: the least of all places to the left, plus the way from there.
        row = np.minimum.accumulate(reached - places) + places
    return int(row[-1])


def edit_score(video: LabelledVideo, *, background: Collection[int] = ()) -> float:
    """Return 1 - distance / longer length of the two sequences of segments, 0 to 1.

    How long a segment lasts does not matter. 1 when neither has a segment.

    Args:
        video: Frames in order; "nothing predicted" makes a segment unless it is background.
        background: Labels whose segments are left out of both sequences.
    """
    true = [segment.label for segment in segments_of(video.truth, background=background)]
    said = [segment.label for segment in segments_of(video.predicted, background=background)]
    longest = max(len(true), len(said))
    return 1 - edit_distance(said, true) / longest if longest else 1.0


@dataclass(frozen=True, slots=True)
class SegmentHits:
    """Predicted segments that found a true one, those that did not, and true ones not found."""

    found: int
    spurious: int
    missed: int

    @property
    def f1(self) -> float:
        """F1 of the segments, 0 to 1; 1 when there is no segment at all."""
        below = 2 * self.found + self.spurious + self.missed
        return 2 * self.found / below if below else 1.0

    def __add__(self, other: SegmentHits) -> SegmentHits:
        """Return the hits of both."""
        return SegmentHits(
            self.found + other.found, self.spurious + other.spurious, self.missed + other.missed
        )


def segment_hits(
    video: LabelledVideo, overlap: float, *, background: Collection[int] = ()
) -> SegmentHits:
    """Match the segments of one video.

    In order of time each predicted segment takes the true segment of its class that it overlaps
    most (the earliest of equals); when that one is taken already it is spurious, even if another
    would do.

    Args:
        video: Frames in order.
        overlap: Intersection over union that a match needs, above 0 up to 1.
        background: Labels whose segments are left out.
    """
    true = segments_of(video.truth, background=background)
    said = segments_of(video.predicted, background=background)
    overlaps = _overlaps(said, true)
    taken: set[int] = set()
    for row in overlaps:
        best = int(row.argmax()) if len(true) else -1
        if best >= 0 and row[best] >= overlap and best not in taken:
            taken.add(best)
    return SegmentHits(len(taken), len(said) - len(taken), len(true) - len(taken))


def _overlaps(said: Sequence[Segment], true: Sequence[Segment]) -> NDArray[np.float64]:
    """Return (P, G) intersection over union in time, 0 between segments of different labels."""
    first = np.array([(s.label, s.start, s.stop) for s in said], np.int64).reshape(-1, 3)
    second = np.array([(s.label, s.start, s.stop) for s in true], np.int64).reshape(-1, 3)
    lefts, rights = first[:, None], second[None]
    shared = np.minimum(lefts[..., 2], rights[..., 2]) - np.maximum(lefts[..., 1], rights[..., 1])
    shared = np.where(lefts[..., 0] == rights[..., 0], np.maximum(shared, 0), 0)
    lengths = (lefts[..., 2] - lefts[..., 1]) + (rights[..., 2] - rights[..., 1])
    found: NDArray[np.float64] = shared / (lengths - shared)
    return found


def segmental_f1(
    videos: Sequence[LabelledVideo], overlap: float, *, background: Collection[int] = ()
) -> float:
    """Return F1@overlap of the segments of all videos together, 0 to 1, as MS-TCN counts it."""
    total = SegmentHits(0, 0, 0)
    for video in videos:
        total += segment_hits(video, overlap, background=background)
    return total.f1
