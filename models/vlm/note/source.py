"""What a note is composed from: the log of one case, folded."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from videoengine.case import Case, Manifest
from videoengine.events import Event
from videoengine.media_time import NS_PER_SECOND
from videoengine.timeline import IMPORTED, Segment, Timeline, TimelineBuilder, closed_runs, owner

SPOKEN: Final = ("reported", "correction", "signature", "note")
"""Kinds by which people speak about a case; they hold whichever run is the newest."""
SEEN: Final = ("instrument", "triplet")
"""Kinds of what is seen at work: outside the body a model's word for it counts nothing."""
CALLER: Final = "caller"
INSIDE: Final = "in_body"

Stretch = tuple[int, int]
"""From and to, case time in nanoseconds."""
Read = Callable[[], Iterable[Event]]
"""Returns the events of a log in order, each time it is called."""


@dataclass(frozen=True, slots=True)
class NoteLog:
    """A log as a note needs it."""

    timeline: Timeline
    seen: tuple[Segment, ...]
    """Of `SEEN`, made of samples in the body only; of every sample where nobody checked."""
    checked: bool
    """Whether it is known what lies in the body."""
    inside: tuple[Stretch, ...]
    """What lies in the body."""
    stages: dict[str, Any]
    """Configuration of every stage that analyzed; what people imported is none."""
    closed: Event
    """The line that closed the newest analysis."""
    frame_ns: int
    """Of a usual frame; 0 when nothing was sampled."""
    spoken: tuple[Event, ...]
    """Events of `SPOKEN`, in log order."""
    given: str | None
    """The procedure that whoever started the analysis named."""

    def stretch(self, segment: Segment) -> Stretch:
        """Return a segment as far as its last sample speaks: to the next tick of its stage."""
        more = max(0, period_ns(self.stages, segment.stage) - self.frame_ns)
        return segment.start_ns, min(self.timeline.end_ns, segment.end_ns + more)

    def of(self, *kinds: str) -> list[Segment]:
        """Return the segments that stages of an analysis stated, in time order."""
        return [s for s in self.timeline.of(*kinds) if owner(s.stage, self.stages) in self.stages]


def read_note_log(case: Case) -> NoteLog:
    """Return what the log of a finished case holds.

    Raises:
        CaseError: The analysis has not finished, or the log is damaged.
    """
    for _ in case.events():  # a damaged chain is refused before anything is said
        pass
    return fold(lambda: case.events(verify=False), given=given_procedure(case.manifest))


def fold(read: Read, *, given: str | None = None) -> NoteLog:
    """Return what a log holds; it is read three times, and never kept.

    Args:
        read: The log.
        given: The procedure that whoever started the analysis named.
    """
    runs = closed_runs(read())
    builder = TimelineBuilder(runs)
    spoken: list[Event] = []
    imported: set[str] = set()
    frame_ns = 0
    for event in read():
        builder.add(event)
        if event.kind in SPOKEN:
            spoken.append(event)
        elif event.kind == "run" and event.payload.get("preset") == IMPORTED:
            imported |= set(event.payload["stages"])
        length = event.end_ns - event.start_ns
        if event.kind in ("privacy", "quality", *SEEN) and length > 0:
            frame_ns = min(frame_ns or length, length)
    timeline = builder.build()
    stages = {name: row for name, row in runs.configs.items() if name not in imported}
    samples = timeline.of("privacy")
    more = max(0, period_ns(stages, samples[0].stage) - frame_ns) if samples else 0
    inside = joined(
        (s.start_ns, min(timeline.end_ns, s.end_ns + more)) for s in samples if s.name == INSIDE
    )
    second = TimelineBuilder(runs)
    for event in read():
        if event.kind in ("run", "gap", "reconnect") or (
            event.kind in SEEN
            and (not samples or _within(inside, timeline.case_ns(event.epoch, event.start_ns)))
        ):
            second.add(event)
    return NoteLog(
        timeline=timeline,
        seen=tuple(s for s in second.build().segments if owner(s.stage, stages) in stages),
        checked=bool(samples),
        inside=tuple(inside),
        stages=stages,
        closed=runs.newest,
        frame_ns=frame_ns,
        spoken=tuple(spoken),
        given=given,
    )


def period_ns(stages: dict[str, Any], stage: str) -> int:
    """Return how far the samples of a stage lie apart."""
    config = stages.get(owner(stage, stages), {})
    return round(NS_PER_SECOND / float(config.get("rate_hz", 1.0)))


def joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Return stretches in order, those that meet or overlap made one."""
    found: list[Stretch] = []
    for start, end in sorted(stretches):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif end > start:
            found.append((start, end))
    return found


def _within(stretches: list[Stretch], case_ns: int) -> bool:
    index = bisect_right(stretches, case_ns, key=lambda stretch: stretch[0]) - 1
    return index >= 0 and case_ns < stretches[index][1]


def given_procedure(manifest: Manifest) -> str | None:
    """Return the procedure that was named when the analysis was started, or None."""
    decided = manifest.config.get("procedure_from")
    by = decided.get("by") if isinstance(decided, dict) else CALLER
    return manifest.procedure if by == CALLER else None
