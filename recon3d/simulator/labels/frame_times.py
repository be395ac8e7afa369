"""Which frames of a piece lie in an interval: frame k is stamped k/fps from its start."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from fractions import Fraction

from videoengine.media_time import NS_PER_SECOND
from videoengine.recon3d.simulator.piece import Span


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """The frames of a piece and, for labels at 1 Hz, the first frame of each second."""

    length_ns: int
    fps: Fraction
    """At least 1."""
    count: int = field(init=False)
    """Number of frames."""
    firsts: tuple[int, ...] = field(init=False, repr=False)
    """Number of the first frame of each second."""

    def __post_init__(self) -> None:
        """Count the frames."""
        count = self._first_at(self.length_ns)
        up, down = self.fps.numerator, self.fps.denominator
        seconds = range(-(-self.length_ns // NS_PER_SECOND))
        firsts = (-(-second * up // down) for second in seconds)
        object.__setattr__(self, "count", count)
        object.__setattr__(self, "firsts", tuple(first for first in firsts if first < count))

    def begins_second(self, number: int) -> bool:
        """Return whether a frame is the first of its second."""
        return number == 0 or (number - 1) // self.fps != number // self.fps

    def second(self, number: int) -> int:
        """Return the second that a frame lies in."""
        return int(number // self.fps)

    def time_s(self, number: int) -> float:
        """Return the time of a frame."""
        return float(number / self.fps)

    def frames(self, span: Span) -> range:
        """Return the numbers of the frames within a span."""
        return range(self._first_at(span.start_ns), self._first_at(span.end_ns))

    def seconds(self, span: Span) -> range:
        """Return the seconds whose first frame lies within a span."""
        frames = self.frames(span)
        firsts = self.firsts
        return range(bisect_left(firsts, frames.start), bisect_left(firsts, frames.stop))

    def _first_at(self, time_ns: int) -> int:
        up, down = self.fps.numerator, self.fps.denominator * NS_PER_SECOND
        return -(-time_ns * up // down)
