"""Folding for the index: events as they stand corrected, as segments, views and boxes."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any, Final, cast

from videoengine.events import Event
from videoengine.gate import JOIN_PERIODS
from videoengine.models.vlm.corrections import Corrections
from videoengine.models.vlm.log_lines import STATEMENTS, Line
from videoengine.models.vlm.note.people import entries
from videoengine.timeline import Mark, Segment, Timeline, TimelineBuilder

BATCH: Final = 4096
"""Rows between two writes."""


def write_rows(base: sqlite3.Connection, segments: list[Segment], marks: list[Mark]) -> None:
    """Write what is finished."""
    base.executemany(
        "INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                s.kind, s.stage, s.name, s.start_ns, s.end_ns, s.epoch, s.samples, s.confidence,
                s.first_key, s.last_key,
            )
            for s in segments
        ],
    )  # fmt: skip
    base.executemany(
        "INSERT INTO marks VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (m.kind, m.stage, m.start_ns, m.end_ns, m.epoch, json.dumps(m.payload), m.key)
            for m in marks
            if m.kind not in STATEMENTS
        ],
    )


class Fold:
    """Folds events into rows, each as it stands corrected."""

    def __init__(
        self, base: sqlite3.Connection, builder: TimelineBuilder, corrections: Corrections
    ) -> None:
        """Take an empty database, and who knows which run speaks."""
        self.corrections = corrections
        self._base, self._builder = base, builder
        self._instruments = _Instruments(base, builder)
        self._lengths: dict[str, int] = {}
        self._ends: dict[int, int] = {}

    def add(self, event: Event) -> None:
        """Fold an event."""
        standing = self.corrections.standing(event) if self._builder.speaks(event) else None
        if standing is not None:
            payload = standing.payload(event)
            if payload is None:
                return
            event = cast("Event", Line({**vars(event), "payload": payload}))
        self._builder.add(event)
        if event.kind == "instrument" and self._builder.speaks(event):
            self._instruments.add(event)

    def measure(self, event: Event) -> None:
        """Note how long the samples of a stage are, and how far an epoch goes."""
        length = event.end_ns - event.start_ns
        if length > 0 and self._builder.speaks(event):
            self._lengths[event.stage] = min(length, self._lengths.get(event.stage, length))
            self._ends[event.epoch] = max(event.end_ns, self._ends.get(event.epoch, event.end_ns))

    def close(self) -> Timeline:
        """Write what is left; return the Timeline of what was not drained."""
        self._instruments.close()
        timeline = self._builder.build()
        write_rows(self._base, timeline.segments, timeline.marks)
        return timeline

    def lengthen(self) -> None:
        """Let the last sample of every stretch speak to the next tick of its stage."""
        for epoch, end in self._ends.items():
            last = self._builder.case_ns(epoch, end)
            for stage, length in self._lengths.items():
                more = self._builder.period_ns(stage) - length
                if more > 0:
                    for table in ("segments", "views"):
                        self._base.execute(
                            f"UPDATE {table} SET end_ns = MAX(end_ns, MIN(end_ns + ?, ?)) "
                            "WHERE stage = ? AND epoch = ?",
                            (more, last, stage, epoch),
                        )


def write_corrections(
    base: sqlite3.Connection, timeline: Timeline, corrections: Corrections, spoken: list[Event]
) -> None:
    """Write what people corrected: events, and sentences of the note."""
    rows: list[tuple[Any, ...]] = []
    for row in corrections.rows:
        one = row.correction
        over = [[other.by, other.became(row.kind, row.name)] for other in row.over]
        start, end = (timeline.case_ns(row.epoch, ns) for ns in (row.start_ns, row.end_ns))
        rows.append((row.kind, row.stage, row.name, row.became, None, one.by, json.dumps(over),
                     start, end, row.epoch, row.first_key, row.last_key, one.key))  # fmt: skip
    about = {event.key: event for event in spoken}
    for entry in entries(spoken):
        if entry.subject is not None and entry.event in about:
            kind, _, name = entry.subject.partition("/")
            event = about[entry.event]
            at = timeline.case_ns(event.epoch, event.start_ns)
            first = str(event.payload["about"])
            rows.append((kind, None, name, "", entry.text, entry.by, "[]", at, at, event.epoch,
                         first, first, entry.event))  # fmt: skip
    base.executemany(f"INSERT INTO corrections VALUES ({', '.join('?' * 13)})", rows)


@dataclass(slots=True)
class _View:
    """Samples in a row at which the same instruments were seen."""

    epoch: int
    start_ns: int
    last_ns: int
    end_ns: int
    names: list[str]
    first_key: str
    last_key: str


class _Instruments:
    """What was seen together at each sample: the Timeline knows each name alone."""

    def __init__(self, base: sqlite3.Connection, builder: TimelineBuilder) -> None:
        self._base, self._builder = base, builder
        self._sample: dict[str, _View] = {}
        self._held: dict[str, _View] = {}
        self._rows: list[tuple[Any, ...]] = []
        self._boxes: list[tuple[Any, ...]] = []

    def add(self, event: Event) -> None:
        """Take an instrument of a sample."""
        label = event.payload["label"]
        name = label["name"] if label else ""
        sample = self._sample.get(event.stage)
        if sample is None or (sample.epoch, sample.start_ns) != (event.epoch, event.start_ns):
            self._end(event.stage)
            sample = _View(
                event.epoch, event.start_ns, event.start_ns, event.end_ns, [], event.key, event.key
            )
            self._sample[event.stage] = sample
        if not name:
            return
        sample.names.append(name)
        sample.last_key = event.key
        box = event.payload.get("box")
        if box:
            at_ns = self._builder.case_ns(event.epoch, event.start_ns)
            end_ns = at_ns + event.end_ns - event.start_ns
            place = (event.stage, at_ns, end_ns, event.epoch, name, event.payload.get("track"))
            self._boxes.append((*place, *box, event.key))
            if len(self._boxes) >= BATCH:
                self._flush()

    def _end(self, stage: str) -> None:
        """Put a whole sample to those before it."""
        sample = self._sample.pop(stage, None)
        if sample is None:
            return
        sample.names.sort()
        held = self._held.get(stage)
        period = max(self._builder.period_ns(stage), sample.end_ns - sample.start_ns)
        if (
            held is not None
            and held.names == sample.names
            and held.epoch == sample.epoch
            and sample.start_ns - held.last_ns < JOIN_PERIODS * period
        ):
            held.last_ns, held.end_ns, held.last_key = (
                sample.start_ns, sample.end_ns, sample.last_key,
            )  # fmt: skip
            return
        self._keep(stage)
        self._held[stage] = sample

    def _keep(self, stage: str) -> None:
        view = self._held.pop(stage, None)
        if view is not None:
            start, end = (
                self._builder.case_ns(view.epoch, ns) for ns in (view.start_ns, view.end_ns)
            )
            names = json.dumps(view.names)
            row = (stage, start, end, view.epoch, names, view.first_key, view.last_key)
            self._rows.append(row)
            if len(self._rows) >= BATCH:
                self._flush()

    def _flush(self) -> None:
        self._base.executemany("INSERT INTO views VALUES (?, ?, ?, ?, ?, ?, ?)", self._rows)
        self._base.executemany(
            "INSERT INTO boxes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", self._boxes
        )
        self._rows, self._boxes = [], []

    def close(self) -> None:
        """Write what is left."""
        for stage in list(self._sample):
            self._end(stage)
        for stage in list(self._held):
            self._keep(stage)
        self._flush()
