"""From statements in case time to points in the stream's own stamps, as the log keeps them.

The Timeline joins equal points less than 1.5 periods apart. The period of a kind is therefore
chosen so that points of one stretch join, and those of two stretches that the file keeps apart do
not: folded again, the log says what the file said.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from videoengine.apps.export.spans import Span, span_at
from videoengine.apps.importing.annotation import Found, Stated, Target
from videoengine.apps.importing.annotation_file import refuse
from videoengine.apps.importing.terms import name_of
from videoengine.media_time import NS_PER_SECOND, clock

LONGEST_PERIOD_NS: Final = NS_PER_SECOND
FINEST_NS: Final = 1_500_000
"""Equal stretches nearer than this are one: a file in milliseconds cannot keep them apart."""
MOST_POINTS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Point:
    """One event to be logged; stamps are those of the stream."""

    kind: str
    epoch: int
    start_ns: int
    end_ns: int
    payload: Any


@dataclass(frozen=True, slots=True)
class Points:
    """The points of one kind."""

    rate_hz: float
    points: tuple[Point, ...]


def points_of(found: Found, target: Target) -> dict[str, Points]:
    """Return what a file states as points, by kind.

    Raises:
        SourceError: A statement lies outside the case, or in a gap, or there are too many.
    """
    by_kind: dict[str, list[Stated]] = {}
    for stated in found.stated:
        if stated.end_ns <= stated.start_ns:
            refuse(stated.place, "it ends before it starts, or at once",
                   got=f"{_clock(stated.start_ns)} to {_clock(stated.end_ns)}")  # fmt: skip
        by_kind.setdefault(stated.kind, []).append(stated)
    made: dict[str, Points] = {}
    total = 0
    for kind, statements in by_kind.items():
        made[kind] = _kind(kind, statements, found, target, MOST_POINTS - total)
        total += len(made[kind].points)
    return made


def _kind(kind: str, statements: list[Stated], found: Found, target: Target, room: int) -> Points:
    samples = [stated for stated in statements if stated.sampled]
    parts = _parts([stated for stated in statements if not stated.sampled], found, target)
    period_ns = Fraction(_period_ns(parts))
    if samples:
        stated_hz = found.rates_hz.get(kind)
        sampled_ns = NS_PER_SECOND / stated_hz if stated_hz else _spacing(samples)
        period_ns = min(period_ns, sampled_ns) if parts else sampled_ns
    points: list[Point] = []
    for stated in samples:
        points.append(_sample(kind, stated, found, target))
    for span, payload, start_ns, end_ns in parts:
        count = int(-(-(end_ns - start_ns) // period_ns))
        if len(points) + count > room:
            refuse("the file", "it would take too many points to keep equal stretches apart",
                   got=f"more than {MOST_POINTS}", allowed=MOST_POINTS,
                   remedy=f"Join the {kind} stretches that almost touch.")  # fmt: skip
        points.extend(_stretch(kind, span, payload, start_ns, end_ns, count))
    if len(points) > room:
        refuse("the file", "it holds too many samples", allowed=MOST_POINTS)
    points.sort(key=lambda point: (point.epoch, point.start_ns, point.end_ns))
    return Points(float(NS_PER_SECOND / period_ns), tuple(points))


def _stretch(
    kind: str, span: Span, payload: Any, start_ns: int, end_ns: int, count: int
) -> Iterable[Point]:
    edges = [start_ns + (end_ns - start_ns) * at // count for at in range(count + 1)]
    for left, right in itertools.pairwise(edges):
        yield Point(kind, span.epoch.index, span.stamp_ns(left), span.stamp_ns(right), payload)


def _sample(kind: str, stated: Stated, found: Found, target: Target) -> Point:
    start_ns = stated.start_ns
    span = span_at(target.spans, start_ns)
    if span is None:
        near = [s for s in target.spans if -found.slack_ns <= start_ns - s.start_ns < 0]
        if not near:
            _outside(stated, target)
        span, start_ns = near[0], near[0].start_ns
    end_ns = max(min(stated.end_ns, span.end_ns), start_ns + 1)
    return Point(
        kind, span.epoch.index, span.stamp_ns(start_ns), span.stamp_ns(end_ns), stated.payload
    )


def _parts(
    stretches: list[Stated], found: Found, target: Target
) -> list[tuple[Span, Any, int, int]]:
    """Return the stretches within epochs, equal ones that overlap or touch joined."""
    parts: list[tuple[Span, Any, int, int]] = []
    for stated in stretches:
        if stated.end_ns > target.end_ns + found.slack_ns:
            _outside(stated, target)
        pieces = [
            (span, stated.payload, max(stated.start_ns, span.start_ns), end_ns)
            for span in target.spans
            if (end_ns := min(stated.end_ns, span.end_ns)) > max(stated.start_ns, span.start_ns)
        ]
        if not pieces:
            _outside(stated, target)
        # A rounded edge may reach into the epoch beside it: that is no statement about it.
        solid = [piece for piece in pieces if piece[3] - piece[2] > found.slack_ns]
        parts.extend(solid or pieces[:1])
    parts.sort(key=lambda part: (name_of(part[1]), part[2]))
    joined: list[tuple[Span, Any, int, int]] = []
    for part in parts:
        last = joined[-1] if joined else None
        if last and _same(last, part) and part[2] - last[3] < FINEST_NS:
            joined[-1] = (last[0], last[1], last[2], max(last[3], part[3]))
        else:
            joined.append(part)
    return joined


def _same(one: tuple[Span, Any, int, int], other: tuple[Span, Any, int, int]) -> bool:
    return one[0] is other[0] and name_of(one[1]) == name_of(other[1])


def _period_ns(parts: Sequence[tuple[Span, Any, int, int]]) -> int:
    """Return the longest period at which no two equal stretches join."""
    gaps = [
        later[2] - earlier[3]
        for earlier, later in itertools.pairwise(parts)
        if _same(earlier, later)
    ]
    return min([LONGEST_PERIOD_NS, *(gap * 2 // 3 for gap in gaps)])


def _spacing(samples: Sequence[Stated]) -> Fraction:
    """Return the shortest distance between two moments that were sampled."""
    moments = sorted({stated.start_ns for stated in samples})
    steps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    return Fraction(min(steps, default=LONGEST_PERIOD_NS))


def _outside(stated: Stated, target: Target) -> None:
    in_gap = stated.start_ns >= 0 and stated.end_ns <= target.end_ns
    refuse(
        stated.place,
        "there is no video at this time" if in_gap else "the time lies outside the case",
        got=f"{_clock(stated.start_ns)} to {_clock(stated.end_ns)}",
        allowed="times within "
        + ", ".join(f"{_clock(s.start_ns)} to {_clock(s.end_ns)}" for s in target.spans[:3]),
        remedy="" if in_gap else "Is it the file of another case?",
    )


def _clock(case_ns: int) -> str:
    return clock(case_ns, milliseconds=True)
