"""Rows of the index: a log read once through, folded as it goes, so that memory stays flat."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Final

from videoengine import log as event_log
from videoengine.errors import CaseError
from videoengine.events import Event
from videoengine.models.vlm.corrections import CORRECTION, Corrections
from videoengine.models.vlm.index_fold import BATCH, Fold, write_corrections, write_rows
from videoengine.models.vlm.inside import SEEN, InBody
from videoengine.models.vlm.log_lines import STATEMENTS, Reached, lines, runs_of
from videoengine.timeline import TimelineBuilder

SCHEMA: Final = 3
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
CREATE TABLE corrections (
    kind TEXT, stage TEXT, name TEXT, became TEXT, said TEXT, by TEXT, over TEXT, start_ns INTEGER,
    end_ns INTEGER, epoch INTEGER, first_key TEXT, last_key TEXT, key TEXT);
CREATE TABLE stated (kind TEXT, stage TEXT, vocabulary TEXT, PRIMARY KEY (kind, stage, vocabulary));
"""
LOOKUPS: Final = """
CREATE INDEX segments_by_name ON segments (kind, stage, name, start_ns);
CREATE INDEX views_by_time ON views (stage, start_ns);
CREATE INDEX boxes_by_time ON boxes (stage, at_ns);
CREATE INDEX marks_by_kind ON marks (kind, start_ns);
"""
_PARTS: Final = ("instrument", "verb", "target")


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
    spoken = list(lines(path, Reached(), only=CORRECTION))
    inside, fold = InBody(builder, runs), Fold(base, builder, Corrections(spoken))
    stated: set[tuple[str, str, str]] = set()
    people: dict[str, str] = {}
    for event in lines(path, reached):
        if event.kind not in SEEN:
            fold.add(event)
        for seen in inside.add(event):
            fold.add(seen)
        fold.measure(event)
        _state(stated, event)
        if event.kind == "audit" and event.payload.get("action") == "import":
            people[event.run_id] = str(event.payload.get("by"))
        if not reached.events % BATCH:
            write_rows(base, *builder.drain())
    for seen in inside.close():
        fold.add(seen)
    timeline = fold.close()
    fold.lengthen()
    write_corrections(base, timeline, fold.corrections, spoken)
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
        "people": {s: people[run] for s, run in runs.by_stage.items() if run in people},
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
