"""What a note is composed from: the log of one case, folded."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from videoengine.case import EVENTS, Case, Manifest
from videoengine.events import Event
from videoengine.media_time import NS_PER_SECOND
from videoengine.models.vlm.corrections import CORRECTION, Corrected, Corrections
from videoengine.models.vlm.inside import IN_BODY, SEEN, InBody
from videoengine.models.vlm.log_lines import Reached, lines, runs_of
from videoengine.timeline import IMPORTED, Runs, Segment, Timeline, TimelineBuilder, owner

SPOKEN: Final = ("reported", "correction", "signature", "note")
"""Kinds by which people speak about a case; they hold whichever run is the newest."""
CALLER: Final = "caller"
INSIDE: Final = IN_BODY

Stretch = tuple[int, int]
"""From and to, case time in nanoseconds."""


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
    lengths_ns: dict[str, int]
    """Of the shortest sample of each stage."""
    spoken: tuple[Event, ...]
    """Events of `SPOKEN`, in log order."""
    corrected: tuple[Corrected, ...]
    """What people corrected of events; these are in no segment."""
    given: str | None
    """The procedure that whoever started the analysis named."""

    def stretch(self, segment: Segment) -> Stretch:
        """Return a segment as far as its last sample speaks: to the next tick of its stage."""
        end_ns = segment.end_ns + self.more_ns(segment.stage)
        return segment.start_ns, min(self.timeline.end_ns, end_ns)

    def more_ns(self, stage: str) -> int:
        """Return how far a sample of a stage speaks beyond its own end."""
        period = period_ns(self.stages, stage)
        return max(0, period - self.lengths_ns.get(stage, period))

    def of(self, *kinds: str) -> list[Segment]:
        """Return the segments that stages of an analysis stated, in time order."""
        return [s for s in self.timeline.of(*kinds) if owner(s.stage, self.stages) in self.stages]


def read_note_log(case: Case) -> NoteLog:
    """Return what the log of a finished case holds; the log is read and verified once.

    The few lines that say what is to be made of the others, of runs and corrections, are found
    before that by their bytes, without parsing the rest.

    Raises:
        CaseError: The analysis has not finished, or the log is damaged.
    """
    path = case.path / EVENTS
    corrections = Corrections(lines(path, Reached(), only=CORRECTION))
    fold = _Fold(runs_of(path), corrections)
    for event in case.events():
        fold.add(event)
    return fold.close(given=given_procedure(case.manifest))


class _Fold:
    """Folds the events of a log, one after the other."""

    def __init__(self, runs: Runs, corrections: Corrections) -> None:
        self._runs, self._corrections = runs, corrections
        self._builder, self._seen = TimelineBuilder(runs), TimelineBuilder(runs)
        self._inside = InBody(self._builder, runs)
        self._spoken: list[Event] = []
        self._imported: set[str] = set()
        self._lengths_ns: dict[str, int] = {}

    def add(self, event: Event) -> None:
        """Take the next event; what people corrected is no observation."""
        if event.kind in SEEN:
            self._builder.add(event)
        else:
            speaks = self._builder.speaks(event)
            if not speaks or self._corrections.standing(event) is None:
                self._builder.add(event)
            if event.kind in ("gap", "reconnect"):
                self._seen.add(event)
        self._see(self._inside.add(event))
        if event.kind in SPOKEN:
            self._spoken.append(event)
        elif event.kind == "run" and event.payload.get("preset") == IMPORTED:
            self._imported |= set(event.payload["stages"])
        length = event.end_ns - event.start_ns
        if length > 0:
            stage = event.stage
            self._lengths_ns[stage] = min(length, self._lengths_ns.get(stage, length))

    def _see(self, events: Iterable[Event]) -> None:
        for event in events:
            if self._corrections.standing(event) is None:
                self._seen.add(event)

    def close(self, *, given: str | None) -> NoteLog:
        """Return what was folded.

        Args:
            given: The procedure that whoever started the analysis named.
        """
        self._see(self._inside.close())
        timeline = self._builder.build()
        stages = {
            name: row for name, row in self._runs.configs.items() if name not in self._imported
        }
        samples = timeline.of("privacy")
        seen = self._seen.build().segments
        log = NoteLog(
            timeline=timeline,
            seen=tuple(s for s in seen if owner(s.stage, stages) in stages),
            checked=bool(samples),
            inside=(),
            stages=stages,
            closed=self._runs.newest,
            lengths_ns=self._lengths_ns,
            spoken=tuple(self._spoken),
            corrected=tuple(
                row for row in self._corrections.rows if owner(row.stage, stages) in stages
            ),
            given=given,
        )
        inside = joined(log.stretch(s) for s in samples if s.name == INSIDE)
        return dataclasses.replace(log, inside=tuple(inside))


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


def given_procedure(manifest: Manifest) -> str | None:
    """Return the procedure that was named when the analysis was started, or None."""
    decided = manifest.config.get("procedure_from")
    by = decided.get("by") if isinstance(decided, dict) else CALLER
    return manifest.procedure if by == CALLER else None
