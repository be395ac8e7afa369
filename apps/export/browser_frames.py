"""Frames as a video player in a browser counts them: case time × a rate, gaps included.

A player knows no stamps. At the rate of a stream of constant rate its frames are those of the
stream; a stream of varying rate is counted at a whole rate no slower than its frames.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction

from videoengine.apps.export.frame_grid import FrameGrid, frame_grid, shortest_frame_ns
from videoengine.case import Case
from videoengine.media_time import NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class BrowserFrames:
    """Numbers of frames from 0, at a rate of case time."""

    rate_fps: Fraction
    grid: FrameGrid | None
    """The frames of the stream, where they are counted at their own rate."""
    bases: tuple[int, ...]
    """Number of the first frame of each span of the grid."""

    @classmethod
    def of(cls, case: Case, rate_fps: Fraction | None = None) -> BrowserFrames:
        """Return the numbers at a rate; without one, at that of the frames."""
        grid = frame_grid(case)
        if rate_fps is None:
            rate_fps = whole_rate(case) if grid is None else grid.rate_fps
        if grid is None or grid.rate_fps != rate_fps:
            return cls(rate_fps, None, ())
        # A gap need not last whole frames: each span is moved to the number nearest its start.
        bases = tuple(_number(span.start_ns, rate_fps) for span in grid.spans)
        return cls(rate_fps, grid, bases)

    def number(self, epoch: int, case_ns: int) -> int:
        """Return the number of the frame that begins at a case time in an epoch.

        The end of a stretch is the number after its last frame.
        """
        if self.grid is None:
            return _number(case_ns, self.rate_fps)
        at = next(at for at, span in enumerate(self.grid.spans) if span.epoch.index == epoch)
        return self.bases[at] + self.grid.number(epoch, case_ns) - self.grid.firsts[at]

    def count(self, end_ns: int) -> int:
        """Return how many frames a case has that ends at a case time."""
        if self.grid is None:
            return _number(end_ns, self.rate_fps)
        return self.bases[-1] + self.grid.count - self.grid.firsts[-1]

    def start_ns(self, number: int) -> int:
        """Return the case time at which a frame begins; in a gap, at which the gap ends."""
        if self.grid is None:
            return round(number * NS_PER_SECOND / self.rate_fps)
        at, within = self._place(number)
        if within >= self._length(at):
            at, within = at + 1, 0
        return self.grid.start_ns(self.grid.firsts[at] + within)

    def end_ns(self, number: int) -> int:
        """Return the case time at which a frame ends; in a gap, at which the gap begins."""
        if self.grid is None:
            return round((number + 1) * NS_PER_SECOND / self.rate_fps)
        at, within = self._place(number)
        return self.grid.end_ns(self.grid.firsts[at] + min(within, self._length(at) - 1))

    def _place(self, number: int) -> tuple[int, int]:
        at = max(bisect_right(self.bases, number) - 1, 0)
        return at, number - self.bases[at]

    def _length(self, at: int) -> int:
        """Return how many frames a span has; the last one is not bounded here."""
        assert self.grid is not None
        if at + 1 < len(self.bases):
            return self.grid.firsts[at + 1] - self.grid.firsts[at]
        return 1 << 62


def whole_rate(case: Case) -> Fraction:
    """Return a whole rate at which no two frames of a case are one."""
    return Fraction(math.ceil(Fraction(NS_PER_SECOND, shortest_frame_ns(case))))


def _number(case_ns: int, rate_fps: Fraction) -> int:
    return math.floor(case_ns * rate_fps / NS_PER_SECOND + Fraction(1, 2))
