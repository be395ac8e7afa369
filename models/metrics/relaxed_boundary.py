"""Which frames count as right when a phase may change a little early or late.

The rule of the M2CAI 2016 challenge's MATLAB script in its Cholec80 form (`Evaluate.m`, as carried
by TMRNet, Surgformer and DACAT): in the first 10 s of a true segment the phase before may linger,
in its last 10 s the phase after may begin. "Before" and "after" are differences of label numbers,
so the order of the vocabulary matters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from videoengine.models.metrics.frame_labels import LabelledVideo
from videoengine.models.metrics.segments import segments_of

BOUNDARY_S: Final = 10.0
"""Length of the forgiving stretch at each end of a true segment, in seconds."""
Boundary = Literal["unrelaxed", "relaxed", "relaxed-script"]
"""`relaxed` is the rule as it is described. `relaxed-script` is what the MATLAB script does: it
finds the frames to forgive at a segment's end, but its logical index, which is shorter than the
segment, clears the frames at the same places of the segment's start. Published relaxed figures come
from the script. The two agree on segments of at most 10 s."""
BOUNDARIES: Final[tuple[Boundary, ...]] = ("unrelaxed", "relaxed", "relaxed-script")


@dataclass(frozen=True, slots=True)
class Forgiveness:
    """Differences, predicted minus true, that are forgiven at the two ends of a phase."""

    start: tuple[int, ...] = (-1,)
    end: tuple[int, ...] = (1,)


ANY_PHASE: Final = Forgiveness()
CHOLEC80: Final[Mapping[int, Forgiveness]] = {
    3: Forgiveness((-1,), (1, 2)),
    4: Forgiveness((-1,), (1, 2)),
    5: Forgiveness((-1, -2), (1, 2)),
    6: Forgiveness((-1, -2), (1, 2)),
}
"""By phase id from 0: gallbladder dissection to retraction, whose order varies."""


def right_frames(
    video: LabelledVideo,
    boundary: Boundary,
    *,
    fps: float,
    rules: Mapping[int, Forgiveness] = CHOLEC80,
) -> NDArray[np.bool_]:
    """Return bool (T,): whether a frame counts as right.

    A frame at which nothing was predicted is never forgiven.

    Args:
        video: Frames in order, T of them.
        boundary: Whether and how the ends of segments are forgiven.
        fps: Frames a second of the labels, usually 1.
        rules: What each phase forgives; others forgive one step.
    """
    right: NDArray[np.bool_] = video.truth == video.predicted
    if boundary == "unrelaxed":
        return right
    difference = video.predicted - video.truth
    reach = max(1, round(BOUNDARY_S * fps))
    stated = video.predicted >= 0
    for segment in segments_of(video.truth):
        rule = rules.get(segment.label, ANY_PHASE)
        length = min(reach, segment.stop - segment.start)
        head = slice(segment.start, segment.start + length)
        tail = slice(segment.stop - length, segment.stop)
        right[head] |= np.isin(difference[head], rule.start) & stated[head]
        # The script has already cleared what the start forgave when it looks at the end.
        early = np.isin(difference[tail], rule.end) & stated[tail]
        right[tail if boundary == "relaxed" else head] |= early
    return right
