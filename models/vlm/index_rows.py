"""Rows of the index: the Timeline's own folding, drained as it goes, so that memory stays flat."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from videoengine import log as event_log
from videoengine.errors import CaseError
from videoengine.events import Event
from videoengine.gate import JOIN_PERIODS
from videoengine.timeline import Mark, Runs, Segment, TimelineBuilder, closed_runs

SCHEMA: Final = 2
"""A file with another number is built again."""
TABLES: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE epochs (epoch INTEGER PRIMARY KEY, first_ns INTEGER, offset_ns INTEGER, cause TEXT);
CREATE TABLE segments (
    kind TEXT, stage TEXT, name TEXT, start_ns INTEGER, end_ns INTEGER, epoch INTEGER,
    samples INTEGER, confidence REAL, first_key TEXT, last_key TEXT);
CREATE TABLE views (
    stage TEXT, start_ns INTEGER, end_ns INTEGER, epoch INTEGER, names TEXT,
    first_key TEXT, last_key TEXT);
CREATE TABLE boxes (
    stage TEXT, at_ns INTEGER, end_ns INTEGER, epoch INTEGER, name TEXT, track INTEGER,
    x REAL, y REAL, width REAL, height REAL, key TEXT);
CREATE TABLE marks (
    kind TEXT, stage TEXT, start_ns INTEGER, end_ns INTEGER, epoch INTEGER, payload TEXT,
    key TEXT);
CREATE TABLE shown (epoch INTEGER, start_ns INTEGER, end_ns INTEGER);
CREATE TABLE stated (kind TEXT, stage TEXT, vocabulary TEXT, PRIMARY KEY (kind, stage, vocabulary));
"""
LOOKUPS: Final = """
CREATE INDEX segments_by_name ON segments (kind, stage, name, start_ns);
CREATE INDEX views_by_time ON views (stage, start_ns);
CREATE INDEX boxes_by_time ON boxes (stage, at_ns);
CREATE INDEX marks_by_kind ON marks (kind, start_ns);
"""
BATCH: Final = 4096
"""Events between two writes."""
STATEMENTS: Final = frozenset(
    ("question", "answer", "note", "reported", "signature", "audit", "correction")
)
"""Kinds that people and the apps append to a finished log: they change no segment."""
_PARTS: Final = ("instrument", "verb", "target")


class _Line:
    """A log line that answers like an Event; building a frozen one costs as much as parsing it."""

    def __init__(self, row: dict[str, Any]) -> None:
        self.__dict__ = row


@dataclass(slots=True)
class Reached:
    """How far a log was read."""

    events: int = 0
    offset: int = 0
    """Bytes: the end of the last whole line."""
    line_start: int = 0
    """Bytes: the start of that line."""
    tip: str = ""
    """Hash of that line."""
    epoch: int = 0
    last_ns: int = 0
    """Stamp at which its event ends."""
    said: dict[str, int] = field(default_factory=dict[str, int])
    """Events of each kind that was appended to the finished log."""


def lines(path: Path, reached: Reached, *, only: bytes = b"") -> Iterator[Event]:
    """Yield the events of whole lines from where `reached` stands, and move it along.

    Args:
        path: The log.
        reached: Where to begin; it stands after the event that was yielded last.
        only: Lines without these bytes are passed over.
    """
    limit, decode = event_log.MAX_LINE_BYTES, json.JSONDecoder().decode
    try:
        stream = path.open("rb")
    except OSError as error:
        raise CaseError(f"{path} cannot be read", got=error.strerror) from error
    with stream:
        stream.seek(reached.offset)
        while line := stream.readline(limit + 1):
            if not line.endswith(b"\n"):
                if len(line) > limit:
                    raise CaseError(f"{path.name} has a line longer than {limit} bytes")
                return
            reached.line_start, reached.offset = reached.offset, reached.offset + len(line)
            reached.events += 1
            if only not in line:
                continue
            event = cast("Event", _Line(decode(line.decode())))
            reached.tip, reached.epoch, reached.last_ns = event.hash, event.epoch, event.end_ns
            if event.kind in STATEMENTS:
                reached.said[event.kind] = reached.said.get(event.kind, 0) + 1
            yield event


def runs_of(path: Path) -> Runs:
    """Return the closed runs of a log, or raise that there is none."""
    return closed_runs(lines(path, Reached(), only=b'"kind":"run"'))


def fill(base: sqlite3.Connection, path: Path) -> Reached:
    """Write the rows of a whole log into an empty database.

    Raises:
        CaseError: The log is damaged, or no run has closed.
    """
    try:
        return _fill(base, path)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
        for _ in event_log.read_log(path, verify=False):
            pass  # names the damaged line, if it is one of shape
        raise CaseError(
            f"{path.name} holds an event whose payload cannot be read",
            got=type(error).__name__,
            remedy="Check it: videoengine verify CASE",
        ) from error


def _fill(base: sqlite3.Connection, path: Path) -> Reached:
    runs = runs_of(path)
    base.executescript(TABLES)
    builder, reached = TimelineBuilder(runs), Reached()
    instruments = _Instruments(base, builder)
    stated: set[tuple[str, str, str]] = set()
    for event in lines(path, reached):
        kind = event.kind
        builder.add(event)
        if kind == "instrument" and builder.speaks(event):
            instruments.add(event)
        _state(stated, event)
        if not reached.events % BATCH:
            _write(base, *builder.drain())
    instruments.close()
    timeline = builder.build()
    _write(base, timeline.segments, timeline.marks)
    base.executemany("INSERT INTO stated VALUES (?, ?, ?)", sorted(stated))
    base.executemany(
        "INSERT INTO epochs VALUES (?, ?, ?, ?)",
        [(n, p.first_ns, p.offset_ns, p.cause) for n, p in timeline.epochs.items()],
    )
    base.executemany(
        "INSERT INTO shown VALUES (?, ?, ?)",
        [
            (epoch, timeline.case_ns(epoch, span.start_ns), timeline.case_ns(epoch, span.end_ns))
            for epoch in timeline.epochs
            for span in timeline.gate.spans(epoch)
        ],
    )
    facts = {
        "schema": SCHEMA,
        "stream_id": timeline.stream_id,
        "end_ns": timeline.end_ns,
        "stages": sorted(runs.by_stage),
    }
    base.executemany(
        "INSERT INTO meta VALUES (?, ?)", [(name, json.dumps(fact)) for name, fact in facts.items()]
    )
    base.executescript(LOOKUPS)
    remember(base, reached)
    return reached


def remember(base: sqlite3.Connection, reached: Reached) -> None:
    """Write down how far the log was read."""
    rows = [(name, json.dumps(getattr(reached, name))) for name in Reached.__slots__]
    base.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)
    base.commit()


def _state(stated: set[tuple[str, str, str]], event: Event) -> None:
    """Note which stage states which kind, in the words of which vocabulary."""
    payload = event.payload
    if event.kind == "triplet":
        for part in _PARTS:
            label = payload[part]
            if label:
                stated.add((part if part != "instrument" else "triplet", event.stage,
                            label["vocabulary"]))  # fmt: skip
    elif "label" in payload:
        label = payload["label"]
        stated.add((event.kind, event.stage, label["vocabulary"] if label else ""))
    elif event.kind not in ("run", *STATEMENTS):
        stated.add((event.kind, event.stage, ""))


def _write(base: sqlite3.Connection, segments: list[Segment], marks: list[Mark]) -> None:
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
