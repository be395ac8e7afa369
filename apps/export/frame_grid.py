"""Numbers of frames: which frame of the recording a moment lies in, where the rate is constant.

A number is worked out from the frame's own stamp and never makes a time by itself: the way back
goes over the stamp of that frame, in ticks of the stream. A rate is stated only where every stamp
that the log knows lies on it; a stream of variable rate has no numbers, and formats that count
frames refuse it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from videoengine.apps.export.spans import Span, spans_of
from videoengine.case import Case
from videoengine.errors import UsageError
from videoengine.media_time import NS_PER_SECOND
from videoengine.timeline import UNFOLDED, closed_runs

NOMINAL: Final = (
    *(Fraction(whole * 1000, 1001) for whole in (24, 30, 60)),
    *(Fraction(whole) for whole in (24, 25, 30, 50, 60)),
)
"""Rates that coarse stamps (whole milliseconds) are tried against."""
DEFAULT_FRAME_NS: Final = 40_000_000
"""Length of a sample in a case whose log knows no frame."""
ROUNDING_NS: Final = 2
"""Stamp and length of a frame are each rounded to nanoseconds once."""


@dataclass(frozen=True, slots=True)
class FrameGrid:
    """The frames of a recording of constant rate, counted from 0 across its gaps."""

    rate_fps: Fraction
    spans: tuple[Span, ...]
    firsts: tuple[int, ...]
    """Number of the first frame of each span."""
    count: int
    """Frames up to the newest one that the log knows."""

    def number(self, epoch: int, case_ns: int) -> int:
        """Return the number of the frame that begins at a case time in an epoch.

        The end of a stretch is the number after its last frame.
        """
        at = self._index(epoch)
        offset = Fraction(case_ns - self.spans[at].start_ns, NS_PER_SECOND)
        return self.firsts[at] + round(offset * self.rate_fps)

    def start_ns(self, number: int) -> int:
        """Return the case time at which a frame begins."""
        span, within = self._place(number)
        return self._at(span, within)

    def end_ns(self, number: int) -> int:
        """Return the case time at which a frame ends: where the next one begins, gaps apart."""
        span, within = self._place(number)
        return min(self._at(span, within + 1), max(span.end_ns, self._at(span, within) + 1))

    def epoch(self, number: int) -> int:
        """Return the epoch of a frame."""
        return self._place(number)[0].epoch.index

    def _index(self, epoch: int) -> int:
        return next(at for at, span in enumerate(self.spans) if span.epoch.index == epoch)

    def _place(self, number: int) -> tuple[Span, int]:
        at = max(at for at, first in enumerate(self.firsts) if first <= max(number, 0))
        return self.spans[at], number - self.firsts[at]

    def _at(self, span: Span, within: int) -> int:
        ticks = Fraction(within) / self.rate_fps / span.epoch.time_base
        return span.case_ns(span.epoch.first_pts + round(ticks))


def frame_grid(case: Case) -> FrameGrid | None:
    """Return the frame numbers of a finished case, or None when its rate varies."""
    spans = spans_of(case)
    stamps, shortest_ns = _stamps(case)
    if not spans or not shortest_ns:
        return None
    for rate in _candidates(spans, shortest_ns):
        if _fits(spans, stamps, rate):
            grid = _counted(spans, rate)
            return grid if _complete(case, grid) else None
    return None


def need_grid(case: Case, format_name: str) -> FrameGrid:
    """Return the frame numbers of a case, for a format that has nothing else.

    Raises:
        UsageError: The rate varies.
    """
    grid = frame_grid(case)
    if grid is None:
        raise UsageError(
            f"{format_name} counts frames, and this stream has no constant rate",
            got="stamps that lie on no common rate, or frames that are missing between them",
            allowed="a stream of constant rate",
            remedy="csv, webvtt, elan and coco keep the stamps as they are.",
        )
    return grid


def shortest_frame_ns(case: Case) -> int:
    """Return how long the shortest frame that the log knows is shown."""
    return _stamps(case)[1] or DEFAULT_FRAME_NS


def rate_text(rate: Fraction) -> str:
    """Return a rate as it is written into files, `30000/1001`."""
    return f"{rate.numerator}/{rate.denominator}"


def _stamps(case: Case) -> tuple[dict[int, set[int]], int]:
    """Return the stamps of frames that the log knows by epoch, and the shortest frame."""
    stamps: dict[int, set[int]] = {}
    shortest_ns = 0
    for event in case.events(*UNFOLDED, verify=False):
        length_ns = event.end_ns - event.start_ns
        if length_ns <= 0 or event.stage.startswith("people"):
            continue
        stamps.setdefault(event.epoch, set()).add(event.start_ns)
        shortest_ns = min(shortest_ns or length_ns, length_ns)
    return stamps, shortest_ns


def _candidates(spans: Sequence[Span], shortest_ns: int) -> list[Fraction]:
    base = spans[0].epoch.time_base
    ticks = round(Fraction(shortest_ns, NS_PER_SECOND) / base)
    exact = [1 / (ticks * base)] if ticks > 0 else []
    period = Fraction(shortest_ns, NS_PER_SECOND)
    coarse = [rate for rate in NOMINAL if abs(1 / rate - period) <= base]
    return exact + coarse


def _fits(spans: Sequence[Span], stamps: dict[int, set[int]], rate: Fraction) -> bool:
    """Tell whether every stamp lies on a rate, as exactly as its time base can say."""
    up, down = rate.numerator, rate.denominator * NS_PER_SECOND
    for span in spans:
        tick = span.epoch.time_base
        whole = (1 / rate / tick).denominator == 1
        slack_ns = ROUNDING_NS if whole else ROUNDING_NS + int(tick * NS_PER_SECOND)
        if not whole and tick * rate > Fraction(1, 4):
            return False  # ticks so coarse would fit any rate
        for stamp in stamps.get(span.epoch.index, ()):
            since = (stamp - span.epoch.first_ns) * up
            number = (2 * since + down) // (2 * down)
            if abs(since - number * down) > slack_ns * up:
                return False
    return True


def _counted(spans: tuple[Span, ...], rate: Fraction) -> FrameGrid:
    firsts: list[int] = []
    total = 0
    for span in spans:
        firsts.append(total)
        total += round(Fraction(span.end_ns - span.start_ns, NS_PER_SECOND) * rate)
    return FrameGrid(rate, spans, tuple(firsts), total)


def _complete(case: Case, grid: FrameGrid) -> bool:
    """Tell whether the decoder met as many frames as the numbers say; fewer: some are missing."""
    newest = closed_runs(case.events("run", verify=False)).newest
    packets: Any = (newest.payload.get("packets") or {}).get(case.manifest.stream_id)
    if not isinstance(packets, dict) or not packets.get("decoded"):
        return True
    skipped: Any = packets.get("skipped") or {}
    met = int(packets["decoded"]) + sum(int(count) for count in skipped.values())
    return met >= grid.count
