"""The index of a case: what the log says, as rows that a question finds at once.

It is made from the log and nothing else, and holds nothing that the log does not: it may be
deleted at any time. Times are case time in nanoseconds.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self

from videoengine import durable
from videoengine.case import EVENTS, Case
from videoengine.errors import OutputError
from videoengine.events import Event
from videoengine.models.vlm.index_rows import SCHEMA, fill, remember
from videoengine.models.vlm.log_lines import STATEMENTS, Reached, lines
from videoengine.timeline import Mark, Segment

FILE: Final = "index.sqlite"
_PEOPLE: Final = re.compile(r"people(?:-([0-9]+))?\.")
SMOOTHED: Final = ".smoothed"
"""A stage with this ending has seen the whole video: it speaks instead of the one it smooths."""


@dataclass(frozen=True, slots=True)
class View:
    """A stretch in which every sample showed the same instruments."""

    start_ns: int
    end_ns: int
    epoch: int
    names: tuple[str, ...]
    """One entry per instrument, so that two graspers count as two."""
    first_key: str
    last_key: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where one instrument was in the picture at one sample."""

    at_ns: int
    end_ns: int
    epoch: int
    name: str
    track: int | None
    box: tuple[float, float, float, float]
    """`[x, y, width, height]` in 0…1, top-left origin."""
    key: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A stretch whose pictures pass the Gate."""

    epoch: int
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Change:
    """What a person says in the place of what a stage stated."""

    kind: str
    name: str
    """What was stated."""
    became: str
    """What stands instead; empty: nothing, or what was said of it in the note."""
    said: str | None
    """Of a sentence of the note: what stands in its place; empty: it was struck out."""
    by: str
    over: tuple[tuple[str, str], ...]
    """Earlier corrections in whose place it stands: by whom, and what they made of it."""
    start_ns: int
    end_ns: int
    epoch: int
    first_key: str
    last_key: str
    key: str
    """Of the `correction`."""


class CaseIndex:
    """Reads the index of one case; any thread that made it may use it."""

    def __init__(self, base: sqlite3.Connection) -> None:
        """Use `open_index`."""
        self._base = base

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        return self._base.execute(sql, values).fetchall()

    @cached_property
    def _meta(self) -> dict[str, Any]:
        return {name: json.loads(value) for name, value in self._rows("SELECT * FROM meta")}

    @property
    def reached(self) -> Reached:
        """How far the log was read."""
        return Reached(*(self._meta[name] for name in Reached.__slots__))

    @property
    def stream_id(self) -> str:
        """Name of the stream."""
        name: str = self._meta["stream_id"]
        return name

    @property
    def end_ns(self) -> int:
        """End of the newest event."""
        end: int = self._meta["end_ns"]
        return end

    @cached_property
    def stages(self) -> tuple[str, ...]:
        """Stages that ran."""
        return tuple(self._meta["stages"])

    @cached_property
    def _stated(self) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = {}
        for kind, stage, vocabulary in self._rows("SELECT * FROM stated ORDER BY kind, stage"):
            found.setdefault(kind, []).append((stage, vocabulary))
        return found

    def states(self, kind: str) -> bool:
        """Tell whether any stage stated this kind; `verb` and `target` are parts of triplets."""
        return kind in self._stated

    def vocabularies(self, kind: str) -> tuple[str, ...]:
        """Return the vocabularies in which a kind is stated."""
        return tuple(sorted({name for _, name in self._stated.get(kind, ()) if name}))

    def speaker(self, kind: str) -> str:
        """Return the stage that speaks for a kind.

        What the newest person annotated comes first, then what a stage said with hindsight.
        """
        stages = [stage for stage, _ in self._stated.get(kind, ())]

        def rank(stage: str) -> tuple[int, bool]:
            found = _PEOPLE.match(stage)
            return (int(found[1] or 1) if found else 0), stage.endswith(SMOOTHED)

        return max(stages, key=rank, default="")

    def annotator(self, stage: str) -> str | None:
        """Return who annotated what a stage states; None of a stage of models."""
        name: str | None = self._meta["people"].get(stage)
        return name

    @cached_property
    def epochs(self) -> dict[int, tuple[int, int]]:
        """Stamp of the first frame and its case time, by epoch."""
        rows = self._rows("SELECT epoch, first_ns, offset_ns FROM epochs")
        return {epoch: (first, offset) for epoch, first, offset in rows}

    def stamp(self, epoch: int, case_ns: int) -> int:
        """Return the stamp of a case time in an epoch."""
        first, offset = self.epochs[epoch]
        return case_ns - offset + first

    def names(self, kind: str) -> list[str]:
        """Return the names that were stated of a kind, in order."""
        return [
            name
            for (name,) in self._rows(
                "SELECT name FROM segments WHERE kind = ?1 AND stage = ?2 UNION "
                "SELECT name FROM corrections WHERE kind = ?1 AND stage = ?2 ORDER BY name",
                (kind, self.speaker(kind)),
            )
        ]

    def segments(
        self,
        kind: str,
        names: Sequence[str] | None = None,
        *,
        start_ns: int = 0,
        end_ns: int | None = None,
    ) -> list[Segment]:
        """Return segments of a kind that touch a stretch, in time order.

        Args:
            kind: Of the events.
            names: Only these; None is all.
            start_ns: Start of the stretch.
            end_ns: Its end; None is that of the case.
        """
        sql = (
            "SELECT kind, stage, name, start_ns, end_ns, epoch, samples, confidence, first_key, "
            "last_key FROM segments WHERE kind = ? AND stage = ? AND end_ns >= ? AND start_ns <= ?"
        )
        last = self.end_ns if end_ns is None else end_ns
        values: list[Any] = [kind, self.speaker(kind), start_ns, last]
        if names is not None:
            sql += f" AND name IN ({', '.join('?' * len(names))})"
            values += names
        return [Segment(*row) for row in self._rows(f"{sql} ORDER BY start_ns, name", values)]

    def views(self, start_ns: int, end_ns: int) -> list[View]:
        """Return what was seen together in a stretch, in time order."""
        sql = (
            "SELECT start_ns, end_ns, epoch, names, first_key, last_key FROM views "
            "WHERE stage = ? AND end_ns >= ? AND start_ns <= ? ORDER BY start_ns"
        )
        rows = self._rows(sql, (self.speaker("instrument"), start_ns, end_ns))
        return [View(a, b, n, tuple(json.loads(names)), k, m) for a, b, n, names, k, m in rows]

    def sightings(self, start_ns: int, end_ns: int) -> list[Sighting]:
        """Return the boxes of samples that touch a stretch."""
        sql = (
            "SELECT at_ns, end_ns, epoch, name, track, x, y, width, height, key FROM boxes "
            "WHERE stage = ? AND at_ns >= ? AND at_ns <= ? ORDER BY at_ns, key"
        )
        rows = self._rows(sql, (self.speaker("instrument"), start_ns, end_ns))
        return [
            Sighting(at, end, epoch, name, track, (x, y, w, h), key)
            for at, end, epoch, name, track, x, y, w, h, key in rows
        ]

    def has_boxes(self) -> bool:
        """Tell whether any instrument was given a place."""
        return bool(self._rows("SELECT 1 FROM boxes LIMIT 1"))

    def marks(self, kind: str) -> list[Mark]:
        """Return the single statements of a kind."""
        sql = (
            "SELECT kind, stage, start_ns, end_ns, epoch, payload, key FROM marks "
            "WHERE kind = ? ORDER BY start_ns"
        )
        return [
            Mark(kind, stage, start, end, epoch, json.loads(payload), key)
            for kind, stage, start, end, epoch, payload, key in self._rows(sql, (kind,))
        ]

    def corrections(self, kind: str) -> list[Change]:
        """Return what people corrected of a kind, of the stage that speaks for it, in log order."""
        sql = (
            "SELECT kind, name, became, said, by, over, start_ns, end_ns, epoch, first_key, "
            "last_key, key FROM corrections WHERE kind = ? AND (stage = ? OR stage IS NULL)"
        )
        return [
            Change(kind, name, became, said, by, tuple((a, b) for a, b in json.loads(over)), *place)
            for kind, name, became, said, by, over, *place in self._rows(
                sql, (kind, self.speaker(kind))
            )
        ]

    def shown(self) -> list[Shown]:
        """Return the stretches whose pictures may be seen."""
        return [Shown(*row) for row in self._rows("SELECT * FROM shown ORDER BY start_ns")]

    def close(self) -> None:
        """Close the database; safe to call twice."""
        self._base.close()

    def __enter__(self) -> Self:
        """Return the index."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def open_index(case: Case) -> CaseIndex:
    """Return the index of a case, made anew unless the one that is there fits the log.

    Where the case cannot be written, the index lives in a temporary place and goes with it.

    Raises:
        CaseError: The log is damaged, or no run has closed.
    """
    path, log = case.path / FILE, case.path / EVENTS
    if path.is_file() and not path.is_symlink():
        base = _fitting(path, log)
        if base is not None:
            return CaseIndex(base)
    temporary = path.with_name(f".{FILE}.{os.getpid()}.partial")
    try:
        temporary.unlink(missing_ok=True)
        base = sqlite3.connect(temporary)
        try:
            _build(base, log)
        finally:
            base.close()
        durable.rename(temporary, path)
        return CaseIndex(sqlite3.connect(path))
    except (sqlite3.Error, OSError, OutputError):
        base = sqlite3.connect("")
        _build(base, log)
        return CaseIndex(base)
    finally:
        if temporary.exists():
            temporary.unlink()


def _changes_nothing(event: Event) -> bool:
    return event.kind in STATEMENTS and event.kind != "correction"


def _build(base: sqlite3.Connection, log: Path) -> None:
    base.execute("PRAGMA journal_mode = OFF")
    base.execute("PRAGMA synchronous = OFF")
    fill(base, log)


def _fitting(path: Path, log: Path) -> sqlite3.Connection | None:
    """Return an open index that says what the log says, or None."""
    base = sqlite3.connect(path)
    try:
        meta = dict(base.execute("SELECT name, value FROM meta").fetchall())
        if json.loads(meta["schema"]) == SCHEMA:
            reached = Reached(*(json.loads(meta[name]) for name in Reached.__slots__))
            if _follows(base, log, reached):
                return base
    except (sqlite3.Error, KeyError, TypeError, ValueError, AttributeError):
        pass  # another program's file, or a damaged one: it is made anew
    base.close()
    return None


def _follows(base: sqlite3.Connection, log: Path, reached: Reached) -> bool:
    """Tell whether the log goes on where the index ends, with statements that change no segment."""
    size = log.stat().st_size
    if size < reached.offset:
        return False
    last = Reached(reached.events - 1, reached.line_start)
    tip = next(lines(log, last), None)
    if tip is None or tip.hash != reached.tip or last.offset != reached.offset:
        return False
    before = reached.offset
    if any(not _changes_nothing(event) for event in lines(log, reached)):
        return False
    if reached.offset != before:
        try:
            remember(base, reached)
        except sqlite3.OperationalError:
            base.rollback()  # a read-only case: the tail is read again next time
    return True
