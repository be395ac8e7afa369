"""Findings about the video and the analysis: what is missing, and which models spoke."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from videoengine.models.vlm.note.document import Rest
from videoengine.models.vlm.note.findings import (
    Finding,
    Length,
    Moment,
    Quoted,
    Term,
    Terms,
    Times,
    Value,
    of_run,
    rests_of,
    total,
)
from videoengine.models.vlm.note.source import INSIDE, NoteLog, joined
from videoengine.timeline import Mark

OUTSIDE: Final = "out_of_body"


def interruptions(log: NoteLog) -> Iterator[Finding]:
    """Yield what was not seen, and what did not speak."""
    for mark in log.timeline.marks:
        if mark.kind == "gap":
            yield _gap(mark)
    yield from _outside(log)
    for number, mark in enumerate(m for m in log.timeline.marks if m.kind == "refusal"):
        values: dict[str, Value] = {
            "stage": Term("stage", mark.stage), "why": Quoted(str(mark.payload.get("why", ""))),
        }  # fmt: skip
        yield Finding("refused", f"refusal/{mark.stage}/{number}", values, (_rest(mark),))
    yield from _failed(log)
    yield from _shed(log)
    yield from _dropped(log)


def _rest(mark: Mark) -> Rest:
    return Rest(mark.start_ns, mark.end_ns, (mark.key,))


def _gap(mark: Mark) -> Finding:
    values: dict[str, Value] = {
        "start": Moment(mark.start_ns),
        "cause": Term("cause", str(mark.payload.get("cause", ""))),
    }
    sentence = "jump"
    if mark.end_ns > mark.start_ns:
        sentence = "gap"
        values |= {"end": Moment(mark.end_ns), "length": Length(mark.end_ns - mark.start_ns)}
    return Finding(sentence, f"gap/{mark.epoch}", values, (_rest(mark),))


def _outside(log: NoteLog) -> Iterator[Finding]:
    """Yield when the view was out of the body or not certain to be in it, as one."""
    segments = [s for s in log.of("privacy") if s.name != INSIDE]
    stretches = joined(log.stretch(segment) for segment in segments)
    certain = joined(log.stretch(segment) for segment in segments if segment.name == OUTSIDE)
    if stretches:
        values: dict[str, Value] = {
            "count": len(stretches),
            "times": Times(tuple(stretches)),
            "length": Length(total(stretches)),
            "certain": Length(total(certain)),
        }
        yield Finding("outside", "privacy/outside", values, rests_of(segments))


def _grouped(log: NoteLog, kind: str) -> dict[str, list[Mark]]:
    """Return the marks of a kind by stage."""
    found: dict[str, list[Mark]] = {}
    for mark in log.timeline.marks:
        if mark.kind == kind:
            found.setdefault(str(mark.payload.get("stage", mark.stage)), []).append(mark)
    return found


def _failed(log: NoteLog) -> Iterator[Finding]:
    for stage, marks in _grouped(log, "error").items():
        values: dict[str, Value] = {
            "stage": Term("stage", stage),
            "count": len(marks),
            "start": Moment(marks[0].start_ns),
            "why": Quoted(str(marks[0].payload.get("why", ""))),
        }
        yield Finding("failed", f"error/{stage}", values, tuple(map(_rest, marks)))


def _shed(log: NoteLog) -> Iterator[Finding]:
    for stage, marks in _grouped(log, "load_shed").items():
        values: dict[str, Value] = {
            "stage": Term("stage", stage),
            "count": len(marks),
            "start": Moment(marks[0].start_ns),
            "rate": min(float(mark.payload["to_rate_hz"]) for mark in marks),
            "full": max(
                max(float(mark.payload[name]) for name in ("from_rate_hz", "to_rate_hz"))
                for mark in marks
            ),
        }
        yield Finding("shed", f"load_shed/{stage}", values, tuple(map(_rest, marks)))


def _dropped(log: NoteLog) -> Iterator[Finding]:
    ledger: dict[str, Any] = log.timeline.run.get("ledger") or {}
    for edge, row in ledger.items():
        stage = edge.split("/", 1)[-1]
        for cause, count in row.get("dropped", {}).items():
            if count:
                values: dict[str, Value] = {
                    "stage": Term("stage", stage),
                    "count": int(count),
                    "cause": Term("cause", str(cause)),
                }
                yield Finding("dropped", f"drop/{stage}/{cause}", values, of_run(log))


def models(log: NoteLog) -> Iterator[Finding]:
    """Yield what the models of the run were trained on, those of one origin together."""
    alike: dict[tuple[str, str], list[str]] = {}
    for name, row in log.stages.items():
        about = row.get("about")
        if isinstance(about, dict):
            origin = (str(about.get("trained_on", "")), str(about.get("calibration", "")))
            alike.setdefault(origin, []).append(name)
    for (trained_on, calibration), names in alike.items():
        values: dict[str, Value] = {
            "stages": Terms("stage", tuple(names)),
            "trained_on": Quoted(trained_on),
            "calibration": Quoted(calibration),
        }
        yield Finding("model", f"model/{names[0]}", values, of_run(log))
