"""A piece of a plan as intervals: what is true of the part that was filmed.

All times are nanoseconds from the start of the piece, and end with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from videoengine.errors import UsageError
from videoengine.payloads import Label
from videoengine.recon3d.simulator.plan import TICK_NS, IncidentKind, Plan, Polyp
from videoengine.recon3d.simulator.truth import Poses

BAG_TARGET: Final = "specimen_bag"
HALF_SAMPLE_NS: Final = 500_000_000


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """An interval, its end excluded."""

    start_ns: int
    end_ns: int

    @property
    def length_ns(self) -> int:
        """Length."""
        return self.end_ns - self.start_ns


@dataclass(frozen=True, slots=True)
class PhaseInterval:
    """A stretch of one phase."""

    label: Label
    span: Span


@dataclass(frozen=True, slots=True)
class InView:
    """An unbroken stretch in which one instrument is in view of a camera in the body."""

    track: int
    instrument: Label
    span: Span


@dataclass(frozen=True, slots=True)
class TripletInterval:
    """A stretch in which <instrument, verb, target> holds, before a camera in the body."""

    track: int
    instrument: Label
    verb: Label
    target: Label
    span: Span


@dataclass(frozen=True, slots=True)
class IncidentInterval:
    """An incident of the plan."""

    kind: IncidentKind
    span: Span
    target: str
    amount: float
    track: int


@dataclass(frozen=True, slots=True)
class FoundPolyp:
    """A polyp that is found within the piece; times None when they lie outside of it."""

    number: int
    size_mm: float
    found_ns: int
    resected_ns: int | None


class Piece:
    """The part of a plan from `start_ns` to `end_ns`, in intervals."""

    def __init__(
        self,
        plan: Plan,
        *,
        start_ns: int = 0,
        end_ns: int | None = None,
        poses: Poses | None = None,
    ) -> None:
        """Choose the part, in nanoseconds from the start of the procedure; default: all of it.

        With poses an instrument is in view only while they say that the camera catches it.
        """
        length_ns = plan.ticks * TICK_NS
        end_ns = length_ns if end_ns is None else end_ns
        if not 0 <= start_ns < end_ns <= length_ns:
            raise UsageError(
                "The piece lies outside of the procedure",
                got=f"{start_ns} ns to {end_ns} ns",
                allowed=f"0 ns to {length_ns} ns",
            )
        self.plan = plan
        self._poses = poses
        self.start_ns = start_ns
        self.end_ns = end_ns

    @property
    def length_ns(self) -> int:
        """Length of the piece."""
        return self.end_ns - self.start_ns

    @property
    def whole(self) -> Span:
        """The piece itself."""
        return Span(0, self.length_ns)

    def span(self, start: int, end: int) -> Span | None:
        """Return the part of [start, end), in ticks of the plan, that lies within the piece."""
        first = max(start * TICK_NS - self.start_ns, 0)
        last = min(end * TICK_NS - self.start_ns, self.length_ns)
        return Span(first, last) if first < last else None

    @cached_property
    def phases(self) -> tuple[PhaseInterval, ...]:
        """The phases, without a hole."""
        spans = ((phase.label, self.span(phase.start, phase.end)) for phase in self.plan.phases)
        return tuple(PhaseInterval(label, span) for label, span in spans if span is not None)

    @cached_property
    def outside(self) -> tuple[Span, ...]:
        """Stretches with the camera out of the body, in order and joined where they touch."""
        spans = (self.span(out.start, out.end) for out in self.plan.outside)
        return joined(span for span in spans if span is not None)

    @cached_property
    def in_view(self) -> tuple[InView, ...]:
        """When each instrument is in view, by track and time."""
        return tuple(
            InView(visit.number, visit.instrument, span)
            for visit in self.plan.visits
            for span in self._seen(visit.start, visit.end, visit.number)
        )

    @cached_property
    def triplets(self) -> tuple[TripletInterval, ...]:
        """When each triplet holds; one per action and stretch of view, null verbs included."""
        return tuple(
            TripletInterval(visit.number, visit.instrument, action.verb, action.target, span)
            for visit in self.plan.visits
            for action in visit.actions
            for span in self._seen(action.arrive, action.leave, visit.number)
        )

    @cached_property
    def incidents(self) -> tuple[IncidentInterval, ...]:
        """Incidents in order of their start."""
        found = [
            IncidentInterval(one.kind, span, one.site.target, one.amount, one.visit)
            for one in self.plan.incidents
            if (span := self.span(one.start, one.end)) is not None
        ]
        return tuple(sorted(found, key=lambda one: one.span))

    @cached_property
    def polyps(self) -> tuple[FoundPolyp, ...]:
        """Polyps that are found within the piece, in order of that."""
        found = [
            FoundPolyp(number, polyp.size_mm, span.start_ns, self._resection(polyp))
            for number, polyp in enumerate(self.plan.polyps)
            if (span := self.span(polyp.found, polyp.found + 1)) is not None
            and polyp.found * TICK_NS >= self.start_ns
        ]
        return tuple(sorted(found, key=lambda polyp: polyp.found_ns))

    @cached_property
    def bag(self) -> tuple[Span, ...]:
        """When a specimen bag is in the body: from the first action on it to the end of its last.

        Stretches with the camera outside are left out.
        """
        actions = [a for v in self.plan.visits for a in v.actions if a.target.name == BAG_TARGET]
        if not actions:
            return ()
        first, last = min(a.arrive for a in actions), max(a.end for a in actions)
        return tuple(self._seen(first, last))

    def _resection(self, polyp: Polyp) -> int | None:
        if polyp.resected is None:
            return None
        span = self.span(polyp.resected, polyp.resected + 1)
        return None if span is None else span.start_ns

    def _seen(self, start: int, end: int, track: int | None = None) -> list[Span]:
        span = self.span(start, end)
        if span is None:
            return []
        missed = () if track is None else self._missed.get(track, ())
        return without(span, joined((*self.outside, *missed)) if missed else self.outside)

    @cached_property
    def _missed(self) -> dict[int, list[Span]]:
        """When the camera does not catch an instrument: half a second around each such sample."""
        poses, missed = self._poses, dict[int, list[Span]]()
        if poses is None:
            return missed
        rows = ~poses.tip_seen
        times_ns = poses.time_ns[poses.tip_sample[rows]] - self.start_ns
        pairs = zip(times_ns.tolist(), poses.tip_track[rows].tolist(), strict=True)
        for time_ns, track in pairs:
            span = Span(time_ns - HALF_SAMPLE_NS, time_ns + HALF_SAMPLE_NS)
            missed.setdefault(track, []).append(span)
        return missed


def joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return the union of spans as disjoint spans in order."""
    union: list[Span] = []
    for span in sorted(spans):
        if union and span.start_ns <= union[-1].end_ns:
            union[-1] = Span(union[-1].start_ns, max(union[-1].end_ns, span.end_ns))
        else:
            union.append(span)
    return tuple(union)


def without(span: Span, holes: Iterable[Span]) -> list[Span]:
    """Return what is left of a span without the holes, which are disjoint and in order."""
    left: list[Span] = []
    start = span.start_ns
    for hole in holes:
        if hole.end_ns <= start or hole.start_ns >= span.end_ns:
            continue
        if hole.start_ns > start:
            left.append(Span(start, hole.start_ns))
        start = hole.end_ns
    if start < span.end_ns:
        left.append(Span(start, span.end_ns))
    return left
